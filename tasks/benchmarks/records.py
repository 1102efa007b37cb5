"""Benchmarks as stages hand them on: where they lie, what will be asked, in which shards."""

from dataclasses import dataclass, field

from tasks.benchmarks.conditions import Conditions
from tasks.core.types import NO_ANCHOR, Anchor, Artifact


@dataclass(frozen=True)
class BuiltBenchmark:
    """A VIUBench in the store, with its card."""

    key: str
    """Of its folder."""
    version: str
    items: Artifact
    """Rows of Sample."""
    clips: Artifact
    """Rows of Clip."""


@dataclass(frozen=True)
class BenchmarkFolder:
    """A benchmark where the user has it, and how it will be asked."""

    name: str
    """The user's, or that of its adapter."""
    folder: str
    """Absolute path, or URI."""
    conditions: Conditions
    adapter: str
    """Key of `tasks.benchmarks.catalogue.BENCHMARKS`."""
    limit: int = 0
    """Most questions; 0: all."""
    seed: int = 0
    """Of the draw of a limit, and of answers."""


@dataclass(frozen=True)
class PromptTokens:
    """How much there is to read in the questions of a benchmark, each asked once: an estimate."""

    vision: int = 0
    """By the official rules, from the videos' headers."""
    text: int = 0
    """From the length of the texts."""
    num_videos: int = 0
    """Videos, or parts of them, that the questions show."""
    num_opened: int = 0
    """Of these, drawn by seed; if they are fewer they stand for all."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Those that cannot be opened: file, or clip, and why."""
    by_video: dict[str, int] = field(default_factory=dict)
    """Vision tokens of each that was opened."""


@dataclass(frozen=True)
class AskedBenchmark:
    """What will be asked of one benchmark."""

    folder: BenchmarkFolder
    num_available: int
    num_selected: int
    """Fewer with a limit."""
    shards: list[Artifact]
    """Rows of Sample; questions about one video are in one shard."""
    digest: str
    """Of the questions and the conditions, wherever the folder lies: what scores of two models must
    share to be compared."""
    types: str = ""
    """How many of each of its types a limit chose, for people; empty if all were."""
    tokens: PromptTokens = PromptTokens()


@dataclass(frozen=True)
class Questions:
    """What candidates will be asked."""

    benchmarks: list[AskedBenchmark]
    anchor: Anchor = NO_ANCHOR
    """Which of them every run is asked."""
    is_own_anchor: bool = False
    """Whether it is this run's own VIUBench, which its candidates are asked anyway."""

    def named(self, name: str) -> AskedBenchmark:
        """The benchmark of this name."""
        return next(found for found in self.benchmarks if found.folder.name == name)
