"""How models are scored, and when one becomes champion."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.checks import (
    MODEL_NAME,
    NAME,
    NAMES,
    NAMES_OR_NONE,
    SHARE,
    SHARES,
    Rule,
    at_least,
    check,
)
from tasks.core.controls import BLIND_CONDITIONS
from tasks.core.types import Split

SCORED_SPLITS = (Split.VIUBENCH, Split.HELDOUT)
OVERALL = "overall"
"""The mean of the places that `promote.overall` names, each counting the same."""
PLACES = (*map(str, SCORED_SPLITS), OVERALL)
"""Where a challenger can win or lose besides benchmarks."""
FIRST = "first"
"""The anchor is the VIUBench of the first run."""
ANCHOR = "anchor"
"""Its name among the benchmarks."""
_TAKEN = (*PLACES, ANCHOR, FIRST)
_BENCHMARKS = Rule(
    lambda given: all(
        re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", name) and name not in _TAKEN for name in given
    ),
    "names of letters, digits, - _ and ., and none of "
    f"{', '.join(_TAKEN)} (a VIUBench built before is e.g. "
    '"viubench_fixed": {"folder": ..., "adapter": "viubench"})',
)
_SOME_BLIND = Rule(
    lambda given: set(given) <= set(BLIND_CONDITIONS) and len(set(given)) == len(given),
    f"some of {', '.join(BLIND_CONDITIONS)}, each once, or none",
)
_MIN_COVERAGE = 0.98
"""Of published questions, and of items for a promotion: two files in a hundred may be
unreadable."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """A benchmark that every candidate of the main job is asked."""

    folder: str
    """Folder or URI of official files, of the universal layout, or of a VIUBench built here."""
    adapter: str = ""
    """Who reads it (a name of `tasks.benchmarks.catalogue`). Empty: the adapter called as the
    benchmark is, `viubench` for a VIUBench built here, else `universal`."""
    limit: int = 0
    """Most questions of it, drawn by the seed from all of its types; 0: all."""
    conditions: dict[str, int | float | str] = field(default_factory=dict)
    """Changes of the paper's (`tasks.benchmarks.conditions`), e.g. {"max_frames": 32}."""

    def __post_init__(self) -> None:
        check(self, NAME, "folder")
        check(self, at_least(0), "limit")


@dataclass(frozen=True)
class EvaluateConfig:
    """How a model is scored."""

    benchmarks: dict[str, BenchmarkConfig] = field(default_factory=dict)
    """By a name of the user's, which rules of `promote` may name."""
    anchor: str = FIRST
    """The fixed questions that runs of different nights are compared on: a name of `benchmarks`,
    `first` for the VIUBench of the first run of `promote.model_name`, or nothing."""
    answerers: dict[str, str] = field(default_factory=dict)
    """Who answers benchmarks for a candidate (`before`, `after`, `champion`, ...) in the place of
    the policy itself: where it is served, `http://host:port/v1#name`, or `scripted:FILE`."""
    heldout_rollouts_per_sample: int = 4
    questions_per_batch: int = 32
    """Benchmark questions that are shown at once, and kept at once."""
    questions_per_shard: int = 4096
    """Benchmark questions for one pod, or more if they are on one video."""
    min_coverage: float = _MIN_COVERAGE
    """A benchmark of which less could be shown gets no headline; 0 asks for one in any case."""
    blind: tuple[str, ...] = BLIND_CONDITIONS
    """How the challenger is asked once more without its pictures: `grey` frames, and the frames of
    another sample (`swapped`); none: not at all."""
    blind_half_width: float = 0.02
    """Blind scores are asked for until half of their 95 % interval is this, or all items are."""
    blind_min_items: int = 128
    """Fewest items asked blind, or all: the spread of a few may be small by chance, and the gain by
    seeing rests on the same items (of a run's 540 VIUBench items 32 had done for two points, and
    left that gain uncertain by four)."""

    def __post_init__(self) -> None:
        check(self, at_least(1, most=4096), "heldout_rollouts_per_sample")
        counts = ("questions_per_batch", "questions_per_shard", "blind_min_items")
        check(self, at_least(1, most=10**6), *counts)
        check(self, SHARE, "min_coverage")
        check(self, _BENCHMARKS, "benchmarks")
        check(self, _SOME_BLIND, "blind")
        check(self, SHARE, "blind_half_width")
        check(self, _anchor_of(self.benchmarks), "anchor")


def _anchor_of(benchmarks: Mapping[str, BenchmarkConfig]) -> Rule:
    return Rule(
        lambda name: name in ("", FIRST, *benchmarks),
        f"{FIRST!r}, a name of evaluate.benchmarks "
        f"({', '.join(benchmarks) or 'there is none'}), or '' for no anchor",
    )


@dataclass(frozen=True)
class PromoteConfig:
    """When the challenger becomes champion. Places are `viubench`, `heldout`, the names of
    `evaluate.benchmarks`, `anchor`, and `overall` (a mean of places).

    A benchmark that no rule names may not fall: see `max_fall`.
    """

    model_name: str = "videossr"
    must_win: tuple[str, ...] = ("viubench",)
    """Where the whole 95 % interval of the gain has to lie above 0; in each of them."""
    may_lose: dict[str, float] = field(default_factory=lambda: {"heldout": 0.02})
    """Most that the score may fall: the 95 % interval of the gain has to lie above minus this."""
    max_fall: float = 0.01
    """Most that the mean gain may lie below 0 on a benchmark that no other rule names, or what one
    question is worth there if that is more; and its whole interval may not lie below 0."""
    overall: tuple[str, ...] = ()
    """Whose mean `overall` is, each counting the same; none: all of them but the anchor."""
    must_see: bool = True
    """Where it must win, the challenger has to lie above the best constant answer, and above what
    it scores without its pictures, with the whole 95 % interval of either gain."""
    min_coverage: float = _MIN_COVERAGE
    """Least share of the items that both models were really shown."""
    min_videos: int = 10
    """Fewest videos that a gain may rest on, in each place that a rule names. Simulated intervals
    hold between 93 and 97 % of the time from ten videos on; of fewer, one odd video decides. 0 asks
    for none; below five there is no interval, so no rule about gains holds."""

    def __post_init__(self) -> None:
        check(self, MODEL_NAME, "model_name")
        check(self, NAMES, "must_win")
        check(self, SHARES, "may_lose")
        check(self, SHARE, "max_fall")
        check(self, NAMES_OR_NONE, "overall")
        check(self, at_least(0, most=10**6), "min_videos")
        check(self, SHARE, "min_coverage")
