"""Answer -> reward in [0, 1]: smooth by closeness to the truth, and a strict twin for the ablation.

The smooth rewards are the paper's: interval overlap, relative count error, normalised displacement.
"""

from rewards.answers import Answer, Counts, Interval, Permutation

_EPSILON = 1e-9
"""Keeps the relative count error finite when nothing is to be counted (the paper's epsilon)."""


def verify(predicted: Answer | None, truth: Answer) -> float:
    """Smooth reward; 1 exactly for the truth itself, 0 for no answer or one of another type or length."""
    if predicted == truth:
        return 1.0
    match predicted, truth:
        case Interval(), Interval():
            return _interval_overlap(predicted, truth)
        case Counts(), Counts():
            return _count_closeness(predicted, truth)
        case Permutation(), Permutation():
            return _order_closeness(predicted, truth)
    return 0.0


def verify_strict(predicted: Answer | None, truth: Answer) -> float:
    """1 if exactly right, else 0."""
    return 1.0 if predicted == truth else 0.0


def _interval_overlap(predicted: Interval, truth: Interval) -> float:
    """Intersection over union; intervals without length overlap nothing."""
    shared = min(predicted.end_seconds, truth.end_seconds) - max(predicted.start_seconds, truth.start_seconds)
    if not shared > 0:
        return 0.0
    hull = max(predicted.end_seconds, truth.end_seconds) - min(predicted.start_seconds, truth.start_seconds)
    return shared / hull


def _count_closeness(predicted: Counts, truth: Counts) -> float:
    """Mean over the things counted of max(0, 1 - |predicted - true| / (true + epsilon))."""
    if len(predicted.values) != len(truth.values):
        return 0.0
    errors = [abs(p - t) / (t + _EPSILON) for p, t in zip(predicted.values, truth.values, strict=True)]
    return sum(max(0.0, 1.0 - error) for error in errors) / len(errors)


def _order_closeness(predicted: Permutation, truth: Permutation) -> float:
    """1 - (sum of every clip's displacement) / floor(n * n / 2), the most that any two orders can differ by."""
    count = len(truth.positions)
    if sorted(predicted.positions) != sorted(truth.positions):
        return 0.0
    displacement = sum(abs(place - truth.positions.index(number)) for place, number in enumerate(predicted.positions))
    return 1.0 - displacement / (count * count // 2)
