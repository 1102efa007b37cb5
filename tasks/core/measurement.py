"""What calibration says about one sample. The `calibrate` stage makes it; the report shows it."""

from dataclasses import dataclass


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
