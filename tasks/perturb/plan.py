"""Plans the samples of one clip: which pretext tasks, kinds and levels, spread evenly over the
pool."""

import bisect
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.measurement import CellKey
from tasks.core.seeding import derive_seed, generator
from tasks.core.types import Clip, Sample, Split
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.item import UnplannableError
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.pretext import PRETEXTS

logger = logging.getLogger(__name__)

Odds = Mapping[CellKey, float]
"""How often samples should come from each cell: the probabilities of a difficulty plan."""


def check_config(config: PerturbConfig) -> None:
    """Refuse names that nothing is known by (`PerturbConfig` itself refuses impossible numbers).

    Raises:
        InputError: names the field, what it holds and what it may hold.
    """
    _check_known("pretexts", config.pretexts, tuple(PRETEXTS))
    _check_known("grounding_kinds", config.grounding_kinds, GROUNDING_KINDS)
    _check_known("jigsaw_kinds", config.jigsaw_kinds, JIGSAW_KINDS)


def num_donors(config: PerturbConfig) -> int:
    """How many donors a clip needs under this configuration."""
    return max(
        PRETEXTS[name].num_donors(kind)
        for name in config.pretexts
        for kind in PRETEXTS[name].kinds(config)
    )


def plan_clip(
    clip: Clip,
    config: PerturbConfig,
    seed: int,
    donors: Sequence[Donor] = (),
    odds: Odds = MappingProxyType({}),
) -> list[Sample]:
    """All samples of one clip: a pure function of its arguments. `donors`: clips whose frames it
    may borrow.

    `odds` say how often a training sample comes from each cell; without any, and for what is held
    out, all cells of a pretext task come equally often.
    """
    samples: list[Sample] = []
    for pretext, count in zip(config.pretexts, samples_per_pretext(clip, config), strict=True):
        cells = list(itertools.product(config.levels, PRETEXTS[pretext].kinds(config)))
        # One for each pretext task: how many samples another gets changes nothing here.
        rng = generator(seed, "perturb", clip.clip_id, pretext)
        weights = _weights(
            pretext, cells, odds if clip.split is Split.TRAIN else {}, config.exploration
        )
        for index, (level, kind) in enumerate(_spread(cells, weights, count, rng)):
            item_seed = derive_seed(seed, "perturb", clip.clip_id, pretext, index)
            sample = plan_item(clip, pretext, kind, level, index, item_seed, donors)
            if sample is not None:
                samples.append(sample)
    return samples


def _weights(
    pretext: str, cells: Sequence[tuple[float, str]], odds: Odds, exploration: float
) -> Sequence[float]:
    """(cells,) adding up to 1."""
    planned = [odds.get((pretext, kind, level), 0.0) for level, kind in cells]
    total, even = sum(planned), 1 / len(cells)
    if total == 0:
        return [even] * len(cells)
    return [(1 - exploration) * odd / total + exploration * even for odd in planned]


def _spread(
    cells: Sequence[tuple[float, str]],
    weights: Sequence[float],
    count: int,
    rng: np.random.Generator,
) -> list[tuple[float, str]]:
    """`count` cells by their weights (systematic sampling); the start is random, so the pool covers
    them evenly."""
    ends = list(itertools.accumulate(weights))
    start = float(rng.random())
    places = [(index + start) / count * ends[-1] for index in range(count)]
    # A place near 1 may be rounded to the end of the last cell.
    return [cells[min(bisect.bisect_right(ends, place), len(cells) - 1)] for place in places]


def plan_item(
    clip: Clip,
    pretext: str,
    kind: str,
    level: float,
    index: int,
    seed: int,
    donors: Sequence[Donor] = (),
) -> Sample | None:
    """One numbered sample, or None (logged) if the clip does not allow it."""
    try:
        sample = PRETEXTS[pretext].plan(clip, kind, level, generator(seed, "plan"), donors)
    except UnplannableError as reason:
        logger.warning(
            "no %s (%s, level %s) of clip %s: %s", pretext, kind, level, clip.clip_id, reason
        )
        return None
    return replace(sample, sample_id=f"{sample.sample_id}-{index}", seed=seed)


def samples_per_pretext(clip: Clip, config: PerturbConfig) -> tuple[int, ...]:
    """How many samples of each pretext task the clip is asked for."""
    return (
        config.train_samples_per_clip
        if clip.split is Split.TRAIN
        else config.heldout_samples_per_clip
    )


def _check_known(field: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"perturb.{field}: unknown {', '.join(unknown)}; expected some of {', '.join(known)}"
        )
