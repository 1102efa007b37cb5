"""What a score would be without looking: chance, the best constant answer, and the same model with
the pictures taken away.

Many questions about videos can be answered without the video, and a reward that rises is no proof
that the model looks. So every score has these beside it, item by item:

    chance     expected score of an answer drawn uniformly from the valid ones
    constant   score of the best answer that is the same for all such items, chosen on others
    blind      score of the same model with grey frames, and with those of another item

*Gain by seeing* is the score minus the blind one. Items of a place (held-out samples, VIUBench, a
benchmark) are known by their sample's id, or by their unit's where a group counts as one.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tasks.core.statistics import Estimate, ItemScore, estimate, paired_difference
from tasks.core.types import Artifact, StageReport

GREY = "grey"
"""Grey frames: as many, as large, at the same times."""
SWAPPED = "swapped"
"""The frames of another sample of the same task, kind and level, altered as that one is."""
BLIND_CONDITIONS = (GREY, SWAPPED)


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What an answer that needs no model would score on one item."""

    item: str
    chance: float
    """NaN where it is not known."""
    constant: float
    """NaN where there is none: free words, or too few items to choose on others."""
    constant_answer: str = ""
    """That answer, for people."""


@dataclass(frozen=True, kw_only=True)
class BlindScore:
    """What a model scored on one item without its pictures."""

    item: str
    score: float


@dataclass(frozen=True, kw_only=True)
class BlindScores:
    """One model in one place under one condition."""

    candidate: str
    """Name."""
    place: str
    """`heldout`, `viubench` or the name of a benchmark."""
    condition: str
    """One of `BLIND_CONDITIONS`."""
    scores: Artifact
    """Rows of BlindScore: of all items, or of as many as the interval's half-width needs."""
    report: StageReport


@dataclass(frozen=True, kw_only=True)
class Controls:
    """All controls of a run."""

    unseen: dict[str, Artifact] = field(default_factory=dict)
    """Rows of Unseen, by place."""
    blind: list[BlindScores] = field(default_factory=list)


NO_CONTROLS = Controls()


@dataclass(frozen=True, kw_only=True)
class Control:
    """What one score, of a place or of a part of it, has beside it. Estimates of no items have a
    mean of NaN."""

    score: Estimate
    chance: float
    """NaN if it is not known for every item."""
    constant: Estimate
    over_constant: Estimate
    """Score minus constant, item by item, over the items that have one."""
    blind: dict[str, Estimate]
    """By condition, over the items that were asked."""
    gain_by_seeing: dict[str, Estimate]
    """Score minus blind, item by item, by condition."""


def control(
    scores: Mapping[str, ItemScore],
    unseen: Mapping[str, Unseen],
    blind: Mapping[str, Mapping[str, float]],
    weights: Mapping[str, float] | None = None,
) -> Control:
    """The controls beside `scores`.

    Args:
        scores: one model's, by item.
        unseen: by item; may know more items.
        blind: by condition, then by item; of more or of fewer items.
        weights: of the strata, equal ones unless given.
    """
    constants = {
        item: unseen[item].constant
        for item in scores
        if item in unseen and not math.isnan(unseen[item].constant)
    }
    without_pictures = {
        condition: {item: found[item] for item in scores if item in found}
        for condition, found in blind.items()
    }
    chances = [unseen[item].chance if item in unseen else math.nan for item in sorted(scores)]
    by_stratum = (
        ItemScore(score=chance, video=scores[item].video, stratum=scores[item].stratum)
        for item, chance in zip(sorted(scores), chances, strict=True)
    )
    return Control(
        score=estimate(scores.values(), weights),
        chance=math.nan if any(map(math.isnan, chances)) else estimate(by_stratum, weights).mean,
        constant=estimate(_as(scores, constants).values(), weights),
        over_constant=_difference(scores, constants, weights),
        blind={
            condition: estimate(_as(scores, found).values(), weights)
            for condition, found in without_pictures.items()
        },
        gain_by_seeing={
            condition: _difference(scores, found, weights)
            for condition, found in without_pictures.items()
        },
    )


def _as(scores: Mapping[str, ItemScore], others: Mapping[str, float]) -> dict[str, ItemScore]:
    """Other scores of the same items."""
    return {
        item: ItemScore(score=score, video=scores[item].video, stratum=scores[item].stratum)
        for item, score in sorted(others.items())
    }


def _difference(
    scores: Mapping[str, ItemScore],
    others: Mapping[str, float],
    weights: Mapping[str, float] | None,
) -> Estimate:
    """Of the items in `others`, a part of `scores`."""
    return paired_difference(_as(scores, others), {item: scores[item] for item in others}, weights)


def by_item(rows: Iterable[BlindScore]) -> dict[str, float]:
    """Blind scores by item."""
    return {row.item: row.score for row in rows}
