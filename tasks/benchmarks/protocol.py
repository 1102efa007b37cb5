"""The seam between benchmarks and whoever evaluates: questions out, texts in, one result.

A run goes

    benchmark = BENCHMARKS["videomme"].open(root, conditions)
    samples = list(benchmark.samples())
    answers = ...                                   # a text for each, or why there is none
    rows = [benchmark.judge(sample, text) for ...]  # or benchmark.fail(sample, reason)
    result = benchmark.aggregate(rows)

`samples` reads the annotation files and looks the videos up, but opens none. `judge` is pure, so an
interrupted run may keep the texts and judge again. Nothing here knows of models, frames or Flyte.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.reading import Reading
from tasks.core.statistics import Estimate, ItemScore
from tasks.core.types import Sample


@dataclass(frozen=True, kw_only=True)
class AnswerScore(Reading):
    """What one answer is worth, read in two ways; 0 if there is none."""

    sample_id: str
    video: str
    """Questions on the same one are not independent."""
    failure: str = ""
    """Why the question could not be shown; it scores 0 and stays in the denominator."""
    chance: float | None = None
    """Expected score of an answer drawn uniformly from the valid ones; None if that takes the
    video's length."""
    group: str = ""
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """One line of a breakdown."""

    score: float
    """The benchmark's headline metric over these items, in [0, 1]."""
    se: float
    """Standard error over videos; infinite where there is no interval."""
    num_items: int


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """One model on one benchmark. Scores are shares in [0, 1]; the paper prints them times 100."""

    benchmark: str
    headline: Estimate
    """Paper's reading; what is unreadable or could not be shown scores 0. Interval over videos."""
    robust: Estimate
    """The same with the robust reading."""
    chance: float | None
    """Expected headline of guesses at the same questions; None where it depends on the videos'
    lengths."""
    official_like: float | None
    """As the official scripts would print it: without items that could not be shown, and without
    answers that they leave out (empty letters, unreadable intervals). None if nothing is left."""
    official_metrics: dict[str, float]
    """`metrics` over the same items as `official_like`."""
    num_items: int
    num_missing: int
    """Could not be shown."""
    num_unparsed: int
    """Shown, but the paper's reading finds no answer."""
    num_unparsed_robust: int
    missing_reasons: dict[str, int]
    breakdown: dict[str, dict[str, PartScore]]
    """By name of the tag, then by its value."""
    metrics: dict[str, float]
    """The benchmark's other metrics, e.g. R1@0.5."""
    deviations: tuple[str, ...]
    """From the paper's conditions."""
    words: str
    """Whose words the questions are asked in, if not the paper's."""
    choices: tuple[str, ...]
    """What the paper leaves open, and how it is done here."""
    warnings: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """Share of the items that could be shown."""
        return 1.0 - self.num_missing / self.num_items


@runtime_checkable
class Benchmark(Protocol):
    """One benchmark in a folder, opened under certain conditions."""

    @property
    def name(self) -> str: ...

    @property
    def conditions(self) -> Conditions: ...

    def samples(self) -> Iterable[Sample]:
        """All questions, in the order of the files, with ids that no other has.

        A question whose video is not there comes too: its view's `file.missing` says why.

        Raises:
            InputError: an annotation file is missing, cut off or of another shape; names file, row
                and field.
        """
        ...

    def judge(self, sample: Sample, text: str) -> AnswerScore:
        """What `text` is worth as an answer to `sample`. Never raises, whatever the text."""
        ...

    def fail(self, sample: Sample, reason: str) -> AnswerScore:
        """The row of a question that could not be shown."""
        ...

    def units(self, scores: Sequence[AnswerScore]) -> Mapping[str, ItemScore]:
        """What the headline is a mean of, by the id of the question or group: what two models are
        compared by."""
        ...

    def aggregate(self, scores: Sequence[AnswerScore]) -> BenchmarkResult:
        """Sum up the rows of all questions that were selected, each once, in any order.

        Raises:
            ValueError: there is no row, or two have the same id.
        """
        ...
