"""How models are scored, and when one becomes champion."""

from dataclasses import dataclass, field

from tasks.core.checks import MODEL_NAME, SHARE, at_least, check, shares_of, some_of
from tasks.core.types import Split

SCORED_SPLITS = (Split.VIUBENCH, Split.HELDOUT)
OVERALL = "overall"
"""Both splits, each counting half."""
PLACES = (*map(str, SCORED_SPLITS), OVERALL)
"""Where a challenger can win or lose."""
_MIN_COVERAGE = 0.98
"""Of published questions, and of items for a promotion: two files in a hundred may be
unreadable."""


@dataclass(frozen=True)
class EvaluateConfig:
    """How a model is scored."""

    heldout_rollouts_per_sample: int = 4
    questions_per_batch: int = 32
    """Benchmark questions that are shown at once, and kept at once."""
    questions_per_shard: int = 4096
    """Benchmark questions for one pod, or more if they are on one video."""
    min_coverage: float = _MIN_COVERAGE
    """A benchmark of which less could be shown gets no headline; 0 asks for one in any case."""

    def __post_init__(self) -> None:
        check(self, at_least(1, most=4096), "heldout_rollouts_per_sample")
        check(self, at_least(1, most=10**6), "questions_per_batch", "questions_per_shard")
        check(self, SHARE, "min_coverage")


@dataclass(frozen=True)
class PromoteConfig:
    """When the challenger becomes champion. Places are `viubench`, `heldout` and `overall` (both,
    equally)."""

    model_name: str = "videossr"
    must_win: tuple[str, ...] = ("viubench",)
    """Where the whole 95 % interval of the gain has to lie above 0; in each of them."""
    may_lose: dict[str, float] = field(default_factory=lambda: {"heldout": 0.02})
    """Most that the score may fall: the 95 % interval of the gain has to lie above minus this."""
    min_coverage: float = _MIN_COVERAGE
    """Least share of the items that both models were really shown."""
    min_videos: int = 10
    """Fewest videos that a gain may rest on, in each place that a rule names. Simulated intervals
    hold between 93 and 97 % of the time from ten videos on; of fewer, one odd video decides. 0 asks
    for none; below five there is no interval, so no rule about gains holds."""

    def __post_init__(self) -> None:
        check(self, MODEL_NAME, "model_name")
        check(self, some_of(*PLACES), "must_win")
        check(self, shares_of(*PLACES), "may_lose")
        check(self, at_least(0, most=10**6), "min_videos")
        check(self, SHARE, "min_coverage")
