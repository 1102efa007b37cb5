"""What calibration measures and plans: made by `calibrate`, the start of the next `perturb`, shown
by the report."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport

CellKey = tuple[str, str, float]
"""(pretext task, kind, level)"""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One group of rollouts of the current policy, summed up."""

    sample_id: str
    mean_reward: float
    spread: float
    """Standard deviation of the reward within the group."""
    num_rollouts: int
    kept: bool
    reason: str
    """Why: "spread" if kept, else "all right", "all wrong" or "all equal"."""


@dataclass(frozen=True, kw_only=True)
class CellEvidence:
    """What one round's groups said about one cell: means over the groups, and means of the
    squares."""

    round: int
    pretext: str
    kind: str
    level: float
    num_groups: int
    num_rollouts: int
    mean_reward: float
    mean_reward_squared: float
    spread: float
    """Mean standard deviation of the reward within a group."""
    spread_squared: float
    share_with_spread: float
    """Of groups whose rewards are not all equal."""

    @property
    def cell(self) -> CellKey:
        return self.pretext, self.kind, self.level


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """What is believed of one cell after a round, and how often the next samples should come from
    it."""

    pretext: str
    kind: str
    level: float
    probability: float
    mean_reward: float
    spread: float
    """Expected standard deviation of the reward within a group."""
    spread_se: float
    """How uncertain `spread` is."""
    share_with_spread: float
    """Expected share of groups whose rewards are not all equal."""

    @property
    def cell(self) -> CellKey:
        return self.pretext, self.kind, self.level


@dataclass(frozen=True)
class DifficultyPlan:
    """Where a round starts, or what it leaves to the next one."""

    round: int
    """Rounds of evidence behind it; 0 if nothing was ever measured."""
    cells: Artifact
    """Rows of PlannedCell."""
    evidence: Artifact
    """Rows of CellEvidence, of all rounds that still count."""


NO_PLAN = DifficultyPlan(round=0, cells=Artifact("", "", 0), evidence=Artifact("", "", 0))


@dataclass(frozen=True)
class Selection:
    """What one round's calibration leaves: the samples to train on, what was measured, and the plan
    it led to."""

    samples: Artifact
    """Rows of Sample."""
    cells: Artifact
    """Rows of CellEvidence: what was measured in this round."""
    measurements: Artifact
    """Rows of Measurement, one for each measured sample."""
    plan: DifficultyPlan
    report: StageReport
