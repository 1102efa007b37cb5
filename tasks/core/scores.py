"""What evaluation hands on: one row for each sample, and the sums for each model."""

from dataclasses import dataclass, field

from tasks.core.controls import NO_CONTROLS, Controls
from tasks.core.statistics import Estimate, ItemScore
from tasks.core.types import NO_ANCHOR, Anchor, Artifact, Split, StageReport

BEFORE = "before"
"""The model that GRPO started from (after the warm start)."""
AFTER = "after"
"""The challenger."""
CHAMPION = "champion"
BASE = "base"
"""What all nights began with: `model.base`, asked about the anchor alone."""


@dataclass(frozen=True, kw_only=True)
class SampleScore:
    """How one model did on one sample."""

    sample_id: str
    split: Split
    pretext: str
    kind: str
    level: float
    viubench_type: str
    """Empty for samples that are no VIUBench items."""
    score: float
    """Mean reward on held-out samples; on VIUBench the type's metric, as the paper reads it."""
    strict_score: float = 0.0
    """On VIUBench, the same where the whole text must be the answer."""
    parsed_share: float
    """Share of the answers in the asked format; the others score 0 and stay in the mean."""
    truncated_share: float
    num_rollouts: int
    """0 if the sample could not be shown to the model: it scores 0 and stays in the mean."""
    answers: tuple[str, ...]
    failure: str = ""
    """Why it could not be shown."""
    greedy_score: float = 0.0
    """On held-out samples, reward of the answer without sampling: a flat distribution may lose to a
    constant even where it knows something."""
    greedy_answer: str = ""
    video: str = ""
    """Clip that it is about (the first of several); empty in tables written before this was
    kept."""

    def scored(self, stratum: str = "") -> ItemScore:
        """For statistics: items on one video belong together."""
        return ItemScore(score=self.score, video=self.video or self.sample_id, stratum=stratum)


@dataclass(frozen=True, kw_only=True)
class UnitScore:
    """What a benchmark's headline is a mean of: a question, or a group that is right only as a
    whole."""

    unit: str
    """Id of the question or the group."""
    score: float
    """As the paper reads answers; 0 if it could not be shown."""
    video: str
    stratum: str = ""

    def scored(self) -> ItemScore:
        """For statistics."""
        return ItemScore(score=self.score, video=self.video, stratum=self.stratum)


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """How one model did on one benchmark."""

    benchmark: str
    """Name in `evaluate.benchmarks`, or `anchor`."""
    adapter: str
    questions: str
    """Digest of what was asked, and how: scores with the same one can be compared."""
    headline: Estimate
    """A share in [0, 1]; what could not be read or shown scores 0."""
    chance: float | None
    """Expected headline of guesses; None where it depends on the videos' lengths."""
    num_available: int
    """Questions in the files, of which a limit may have chosen some."""
    coverage: float
    """Share of the questions that could be shown."""
    paper: dict[str, float]
    """The paper's scores at this number of frames, in [0, 1], by model; empty where it has none."""
    units: Artifact
    """Rows of UnitScore."""
    predictions: Artifact
    """Rows of Prediction: every question with its answer."""
    result: Artifact
    """`result.json`: all numbers, parts and deviations."""


@dataclass(frozen=True, kw_only=True)
class ModelScores:
    """How one model did."""

    name: str
    """`BEFORE`, `AFTER` or `CHAMPION`."""
    policy: Artifact
    predictions: Artifact
    """Rows of SampleScore."""
    heldout: Estimate
    """Mean reward over the held-out samples."""
    heldout_by_pretext: dict[str, Estimate]
    heldout_greedy: Estimate
    """The same of answers without sampling."""
    heldout_greedy_by_pretext: dict[str, Estimate]
    viubench: Estimate
    """Mean of the types' means, as the paper's script reads answers."""
    viubench_strict: Estimate
    """The same where the whole text must be the answer, as in the rewards of training."""
    viubench_by_type: dict[str, Estimate]
    num_failed: int
    """Samples that could not be shown; they scored 0."""
    benchmarks: dict[str, BenchmarkScore] = field(default_factory=dict)
    """By name."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of one policy, and what they cost."""

    scores: ModelScores
    report: StageReport


@dataclass(frozen=True)
class Evaluated:
    """All that a promotion is decided on."""

    models: list[Evaluation]
    base: dict[str, BenchmarkScore] = field(default_factory=dict)
    """Of `model.base`, on the anchor; empty where it is not asked."""
    reports: list[StageReport] = field(default_factory=list)
    """Of the benchmarks, what they cost; the models have reports of their own."""
    anchor: Anchor = NO_ANCHOR
    """Which benchmark every run is asked."""
    controls: Controls = NO_CONTROLS
    """What the scores would be without looking."""
