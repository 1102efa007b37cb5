"""Planned samples for tests."""

from collections.abc import Sequence

from tasks.core.config import PerturbConfig
from tasks.core.types import Clip, Sample
from tasks.perturb.plan import plan_clip


def plan_all(clips: Sequence[Clip], config: PerturbConfig, seed: int = 0) -> list[Sample]:
    """The samples of all clips, without VIUBench."""
    return [sample for clip in clips for sample in plan_clip(clip, config, seed)]
