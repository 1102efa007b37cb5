"""Measuring difficulty: what a group's rewards say about its sample, and a cell's samples about the cell."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, pstdev

from tasks.core.measurement import Measurement
from tasks.core.types import Cell, Sample


def measure(sample_id: str, rewards: Sequence[float], min_spread: float) -> Measurement:
    """One group's mean and spread (population standard deviation), and whether it can teach."""
    mean, spread = fmean(rewards), pstdev(rewards)
    reason = "spread"
    if spread <= min_spread:
        reason = "all right" if mean >= 1.0 else "all wrong" if mean <= 0.0 else "all equal"
    return Measurement(
        sample_id=sample_id,
        mean_reward=mean,
        spread=spread,
        num_rollouts=len(rewards),
        kept=spread > min_spread,
        reason=reason,
    )


def measure_cells(samples: Iterable[Sample], measurements: Iterable[Measurement]) -> list[Cell]:
    """Mean reward and spread of each (pretext task, kind, level), sorted."""
    cell_of = {sample.sample_id: sample.cell for sample in samples}
    members: defaultdict[tuple[str, str, float], list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        members[cell_of[measurement.sample_id]].append(measurement)
    return [
        Cell(
            pretext=pretext,
            kind=kind,
            level=level,
            num_samples=len(found),
            num_rollouts=sum(m.num_rollouts for m in found),
            mean_reward=fmean(m.mean_reward for m in found),
            spread=fmean(m.spread for m in found),
            share_with_spread=fmean(m.kept for m in found),
        )
        for (pretext, kind, level), found in sorted(members.items())
    ]
