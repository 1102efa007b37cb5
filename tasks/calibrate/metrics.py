"""The plan as numbers for the tracker."""

from collections.abc import Sequence

from tasks.core.measurement import PlannedCell


def plan_metrics(plan: Sequence[PlannedCell]) -> dict[str, float]:
    """Probability, expected spread and mean reward of every cell."""
    metrics = {}
    for cell in plan:
        name = f"{cell.pretext}_{cell.kind}_{cell.level:g}"
        metrics[f"plan_probability/{name}"] = cell.probability
        metrics[f"plan_spread/{name}"] = cell.spread
        metrics[f"plan_mean_reward/{name}"] = cell.mean_reward
    return metrics
