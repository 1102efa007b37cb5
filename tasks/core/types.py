"""The records that flow between stages: small frozen dataclasses, never tensors or live objects."""

from dataclasses import dataclass, field
from enum import StrEnum

from tasks.core.edits import Edit

OUTSIDE = "outside:"


class Split(StrEnum):
    """Which use a clip or sample has; decided by video, never by sample."""

    TRAIN = "train"
    HELDOUT = "heldout"
    """Pretext samples like the training ones, on videos that training never sees."""
    VIUBENCH = "viubench"
    """VIUBench items, on the held-out videos too."""
    BENCHMARK = "benchmark"
    """Questions of a published benchmark, on its own videos."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One accepted video: where its frames lie and when they were shown."""

    clip_id: str
    """Content key: the first 16 hex digits of `sha256`."""
    source: str
    """Path or URI as found, for people; nothing is derived from it."""
    sha256: str
    """Of the source file's bytes."""
    split: Split
    duration_seconds: float
    source_fps: float
    """Average frame rate of the source; 0 when unknown."""
    width_px: int
    height_px: int
    """Of the stored frames (after rotation and resize)."""
    timestamps_seconds: tuple[float, ...]
    """Presentation time of each stored frame, from the first stored frame (so it starts with 0); of
    a video that came with a data set from the start of the video, because so do the times in its
    questions."""
    frames_key: str
    """Key of the frame archive in the store."""
    warnings: tuple[str, ...] = ()
    """What was wrong but tolerable, e.g. "50 of 300 packets could not be decoded"."""
    fingerprint: str = ""
    """What the video looks like, as hex digits (`tasks.video.fingerprint`); empty if unknown."""
    jpeg_quality: int = 0
    """Of the stored frames; 0 if unknown."""
    is_verified: bool = False
    """Whether the source file was checked against a checksum that came with it; decoders do not
    notice all damage."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """One input that was not accepted, and why."""

    source: str
    reason: str
    """One of `tasks.ingest.reasons`: a short fixed phrase, so that counts by reason make sense."""
    detail: str
    """What was measured and which limit it missed."""


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """A video of a published benchmark, below the benchmark's folder."""

    paths: tuple[str, ...]
    """A video file, or one picture a frame; empty if it was not found."""
    is_frames: bool = False
    fps: float = 0.0
    """Of pictures, frames a second; 0 for a video file, which knows its own."""
    start_seconds: float | None = None
    """Frames are taken from here on; None for the start of the video."""
    stop_seconds: float | None = None
    missing: str = ""
    """Why it was not found."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One video as the model sees it: a segment of a clip with edits applied. Timestamps restart at
    0."""

    clip_id: str
    """Of a benchmark's video its name: questions with the same one are about the same video."""
    start_frame: int
    stop_frame: int
    """Both 0 for a `file`: which frames stand for it is known once it is opened
    (`tasks.video.official`)."""
    edits: tuple[Edit, ...] = ()
    file: VideoFile | None = None
    """Of a benchmark's video; None for a clip in the frame store."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkFacts:
    """What only a question of a published benchmark has."""

    options: tuple[str, ...] = ()
    """Of a multiple-choice question, without their letters; empty if they could not be told apart
    in its text."""
    letters: str = ""
    """That may be answered, in order, e.g. "ABCD"."""
    windows: tuple[tuple[float, float], ...] = ()
    """Of a grounding question: the right (start, end) in seconds; overlap with any of several
    counts."""
    group: str = ""
    """Questions with the same one are scored together, e.g. the two halves of a pair; a subset
    should keep them."""
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Breakdowns that it counts in: name -> values, e.g. {"duration": ("long",)}."""
    system_prompt: str = ""
    """Empty: none, as in the paper's evaluation."""
    video_label: str = "Video"
    """What several videos are called in the prompt, before their numbers."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with a verifiable answer: a pretext item or a benchmark question."""

    sample_id: str
    split: Split
    pretext: str
    """Pretext task: a key of `tasks.perturb.pretext.PRETEXTS`. Of a published benchmark its
    name."""
    kind: str
    """Variant inside the pretext task, e.g. the name of the grounding transform."""
    level: float
    """The difficulty knob, in [0, 1]."""
    views: tuple[View, ...]
    """The videos shown, in order. With more than one, each is labelled by its position."""
    question: str
    answer: str
    """The right answer as the model should write it."""
    answer_kind: str
    """How answers are read and rewarded: an answer kind, or a schema of several (`rewards.schema`),
    as text."""
    seed: int
    benchmark: BenchmarkFacts | None = None
    """None for a pretext item."""

    @property
    def cell(self) -> tuple[str, str, float]:
        """What calibration measures together: (pretext task, kind, level)."""
        return self.pretext, self.kind, self.level


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One completion of one sample with its reward."""

    sample_id: str
    index: int
    """Position in its group."""
    text: str
    reward: float
    """Smooth reward in [0, 1]."""
    strict_reward: float
    """1 if exactly right, else 0."""
    parsed: bool
    truncated: bool
    """The token limit ended it, not the model."""
    num_tokens: int
    reward_by_part: dict[str, float] = field(default_factory=dict)
    """Smooth reward of every part of an answer that has several; empty for a plain one."""


@dataclass(frozen=True)
class Artifact:
    """A finished output in the store. Equal digests mean equal content, so it doubles as a cache
    key."""

    key: str
    """Path below the data root; of a model that lies elsewhere, where, after `OUTSIDE`."""
    digest: str
    num_rows: int = 0

    @property
    def is_outside(self) -> bool:
        """Whether it is referred to, not kept in the data root."""
        return self.key.startswith(OUTSIDE)


@dataclass(frozen=True)
class Run:
    """What every door needs to know about the run it belongs to."""

    data_root: str
    """Folder or object-store URI that holds everything we write."""
    run_id: str
    """MLflow run."""
    preset: str
    seed: int = 0
    tracking_uri: str = ""
    """MLflow server; empty for the sqlite file below a local data root. It holds no password: a run
    is kept."""
    lease: str = ""
    """Name of the lease (`tasks.core.lease`) that whoever works on the run holds; empty if none is
    needed."""


@dataclass(frozen=True)
class Anchor:
    """The benchmark that every run is asked (`tasks.core.anchor`); of the first run's VIUBench also
    where it lies."""

    name: str
    """Among the benchmarks that are asked; empty if there is none."""
    seed: int
    """Of the draw of a limit, and of answers: that of the run that asked it first."""
    folder: str = ""
    """Key of the VIUBench below the data root; empty if the user has its folder."""
    max_answer_tokens: int = 0
    """Of that VIUBench, as the first run asked it; else the benchmark's conditions say so."""


NO_ANCHOR = Anchor(name="", seed=0)


@dataclass(frozen=True)
class StageReport:
    """What one stage says about itself, for the closing table and the report."""

    stage: str
    seconds: float
    counts: dict[str, float] = field(default_factory=dict)
