"""Plans the samples of one clip: which pretext tasks, kinds and levels, spread evenly over the pool."""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace

from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.seeding import derive_seed, generator
from tasks.core.types import Clip, Sample, Split
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.item import UnplannableError
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.pretext import PRETEXTS

logger = logging.getLogger(__name__)


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
    return max(PRETEXTS[name].num_donors(kind) for name in config.pretexts for kind in PRETEXTS[name].kinds(config))


def plan_clip(clip: Clip, config: PerturbConfig, seed: int, donors: Sequence[Clip] = ()) -> list[Sample]:
    """All samples of one clip: a pure function of its arguments. `donors`: clips whose frames it may borrow."""
    samples: list[Sample] = []
    for pretext, count in zip(config.pretexts, samples_per_pretext(clip, config), strict=True):
        cells = list(itertools.product(config.levels, PRETEXTS[pretext].kinds(config)))
        # each clip starts elsewhere in the grid, so that the pool covers it evenly though one clip may not
        offset = int(generator(seed, "perturb", clip.clip_id, pretext).integers(len(cells)))
        for index in range(count):
            level, kind = cells[(offset + index) % len(cells)]
            item_seed = derive_seed(seed, "perturb", clip.clip_id, pretext, index)
            sample = plan_item(clip, pretext, kind, level, index, item_seed, donors)
            if sample is not None:
                samples.append(sample)
    return samples


def plan_item(
    clip: Clip, pretext: str, kind: str, level: float, index: int, seed: int, donors: Sequence[Clip] = ()
) -> Sample | None:
    """One numbered sample, or None (logged) if the clip does not allow it."""
    try:
        sample = PRETEXTS[pretext].plan(clip, kind, level, generator(seed, "plan"), donors)
    except UnplannableError as reason:
        logger.warning("no %s (%s, level %s) of clip %s: %s", pretext, kind, level, clip.clip_id, reason)
        return None
    return replace(sample, sample_id=f"{sample.sample_id}-{index}", seed=seed)


def samples_per_pretext(clip: Clip, config: PerturbConfig) -> tuple[int, ...]:
    """How many samples of each pretext task the clip is asked for."""
    return config.train_samples_per_clip if clip.split is Split.TRAIN else config.heldout_samples_per_clip


def _check_known(field: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"perturb.{field}: unknown {', '.join(unknown)}; expected some of {', '.join(known)}")
