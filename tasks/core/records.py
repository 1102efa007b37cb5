"""What crosses doors: the job, the data set that it works on, and what each stage hands on.

Small frozen dataclasses of names, numbers and artifacts; content stays in the data root. What
calibrate, train and evaluate hand on stands with its rows: `measurement`, `training`, `scores`.
"""

from dataclasses import dataclass, field, replace

from tasks.core.config import RetrainConfig
from tasks.core.types import Artifact, Run, StageReport

_NOTHING = Artifact("", "")


@dataclass(frozen=True)
class Job:
    """A run with its whole configuration. A door takes its own section of it in its first lines."""

    run: Run
    config: RetrainConfig


@dataclass(frozen=True)
class DataSet:
    """Clips and the samples on them, as far as the stages have come; what no stage made yet is
    empty."""

    clips: Artifact = _NOTHING
    """Rows of Clip, by source."""
    rejected: Artifact = _NOTHING
    """Rows of Rejection: what was turned away, by source."""
    contents: Artifact = _NOTHING
    """Rows of ReadContent: all that could be read, accepted or not."""
    samples: Artifact = _NOTHING
    """Rows of Sample."""
    origins: Artifact = _NOTHING
    """Rows of Origin, one for each sample of an imported data set: its row in the file."""
    reports: list[StageReport] = field(default_factory=list)
    """Of the stages that made it, in order."""

    def with_samples(self, samples: Artifact, report: StageReport) -> "DataSet":
        """The same clips with `samples` on them."""
        return replace(self, samples=samples, reports=[*self.reports, report])

    def after(self, report: StageReport) -> "DataSet":
        """The same after one more stage, which changed nothing in it."""
        return replace(self, reports=[*self.reports, report])


@dataclass(frozen=True)
class VideoShard:
    """Some of the videos of one input."""

    root: str
    """Folder or beginning of a URI below which they must lie."""
    names: list[str]
    """Paths relative to `root`, with forward slashes, or whole URIs."""
    more_roots: list[str] = field(default_factory=list)
    """Where else they may lie: for a list file the configuration's `list_roots`, else nowhere."""
    checksums: list[str] = field(default_factory=list)
    """The SHA-256 that each content must have, in lower-case hex, beside `names`: empty where
    nothing is promised. No list at all if that is so everywhere: what Flyte passes on is kept
    small."""


@dataclass(frozen=True)
class IngestedShard:
    """What became of the files of one shard."""

    clips: Artifact
    """Rows of Clip; may hold the same clip twice, or one that another shard has too."""
    rejected: Artifact
    """Rows of Rejection."""
    contents: Artifact
    """Rows of ReadContent: all that could be read, accepted or not."""
    num_new: int
    num_reused: int
    """Files whose content was ingested before, in an earlier run or under another name."""
    seconds: float


@dataclass(frozen=True)
class PlannedShard:
    """The samples of some clips."""

    samples: Artifact
    counts: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Pool:
    """One shard of the training samples, and how many of them may be measured."""

    samples: Artifact
    """Rows of Sample."""
    num_groups: int


@dataclass(frozen=True)
class MeasuredShard:
    """One shard's share of the measurement."""

    samples: Artifact
    """Rows of Sample: the pool, measured or not."""
    measurements: Artifact
    """Rows of Measurement."""
    num_failed: int
    """Samples that could not be rendered, so have no measurement."""
    seconds: float
    num_tokens: int = 0
    """Read and written in these seconds: of what had no reply yet."""


@dataclass(frozen=True)
class Candidate:
    """Who is scored, under the name it has in the comparison: a policy, or whoever answers in its
    place."""

    name: str
    policy: Artifact = _NOTHING
    answerer: str = ""
    """Name of a model, server or script (`tasks.rollout.open_answerer`); empty: the policy."""
    served: str = ""
    """Of a model behind a server: what its answers belong to."""
    is_controlled: bool = False
    """Whether it is asked without its pictures too."""


@dataclass(frozen=True)
class BlindTrial:
    """One candidate in one place, without its pictures."""

    candidate: Candidate
    place: str
    """`heldout`, `viubench` or the name of a benchmark."""
    condition: str
    """One of `tasks.core.controls.BLIND_CONDITIONS`."""


@dataclass(frozen=True)
class AskedShard:
    """Some questions of a benchmark for one candidate."""

    candidate: Candidate
    benchmark: str
    questions: Artifact
    """Rows of Sample."""


@dataclass(frozen=True)
class AnsweredShard:
    """The answers to one shard."""

    candidate: str
    """Name."""
    benchmark: str
    answers: Artifact
    """Rows of Reply."""
    num_asked: int
    """Questions that had no answer yet."""
    num_decoded: int
    """Videos that were opened for them."""
    seconds: float
    num_tokens: int = 0
    """Read and written in these seconds."""


@dataclass(frozen=True)
class BenchmarkTable:
    """One model on all benchmarks."""

    results: dict[str, Artifact]
    """`result.json` by benchmark."""
    table: Artifact
    """Markdown, beside the paper's rows."""


@dataclass(frozen=True)
class Promotion:
    """The end of a run."""

    promoted: bool
    """Whether the challenger is the champion now."""
    reason: str
    version: str
    """The challenger's version in the model registry, promoted or not."""
    report_key: str
    summary_key: str


@dataclass(frozen=True)
class Diagnosis:
    """What a data set can teach one policy."""

    rows: Artifact
    """Rows of RowDiagnosis."""
    teaching: str
    """File with the rows that teach, in the schema in which the data set came."""
    report: str
    """File with the HTML report; `summary.json` and the tables as JSON lines lie beside it."""
    num_teaching: int


@dataclass(frozen=True)
class ExportedSet:
    """A data set that other projects can read."""

    file: str
    """The rows; videos, README and manifest lie beside it."""
    num_rows: int
    num_videos: int
    """Files (mp4) or folders of frames; a video that several questions show is there once."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Samples that could not be rendered, by reason."""


@dataclass(frozen=True)
class PreviewSet:
    """Samples to look at."""

    index: str
    """HTML page; its pictures and videos lie beside it."""
    num_samples: int
    num_fitting: int
    """Samples that fit the filter; beyond the limit they are not shown."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a sample could not be shown, by sample id."""
