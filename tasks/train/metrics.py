"""What a step measures, by the tracker's names, with the rule that joins its parts.

A step's numbers come from micro-batches on several ranks. The line that measures one says how the
parts are joined (`Sum`, `Mean` or `Max`), so a new metric is written down in one place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sum:
    """Parts are added up."""

    value: float

    def joined(self, other: "Sum") -> "Sum":
        return Sum(self.value + other.value)


@dataclass(frozen=True)
class Mean:
    """Of `weight` things (tokens, updates) that add up to `total`."""

    total: float
    weight: float

    @property
    def value(self) -> float:
        return self.total / self.weight

    def joined(self, other: "Mean") -> "Mean":
        return Mean(self.total + other.total, self.weight + other.weight)


@dataclass(frozen=True)
class Max:
    """The largest part counts."""

    value: float

    def joined(self, other: "Max") -> "Max":
        return Max(max(self.value, other.value))


Metric = Sum | Mean | Max
Metrics = Mapping[str, Metric]
"""By the tracker's name, grouped by the part before the slash."""


def merge(parts: Iterable[Metrics]) -> dict[str, Metric]:
    """Of micro-batches, or of ranks. A name may be missing in some of the parts."""
    merged: dict[str, Metric] = {}
    for part in parts:
        for name, metric in part.items():
            known = merged.get(name)
            merged[name] = metric if known is None else known.joined(metric)  # type: ignore[arg-type]
    return merged


def values(metrics: Metrics) -> dict[str, float]:
    """What the tracker gets."""
    return {name: metric.value for name, metric in metrics.items()}
