"""Plans VIUBench on held-out videos: nine types, equally many items, seeded, no item twice."""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from tasks.core.seeding import derive_seed, generator
from tasks.core.types import Clip, Sample, Split, View
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type
from tasks.perturb.plan import plan_item

logger = logging.getLogger(__name__)

_MAX_ATTEMPTS = 20
"""Draws for an item that differs from the others before its clip counts as used up."""


def plan_viubench(clips: Collection[Clip], items_per_type: int, seed: int) -> list[Sample]:
    """`items_per_type` different items of each type, going round the held-out clips in a random
    order.

    A clip that does not allow an item, or no further one, leaves the round of that type and the
    next one is tried. There are fewer items only once every clip has left (logged;
    `missing_by_type` counts them), and none if no clip is held out.
    """
    # By content: clips come in the order of their sources, and names must decide nothing.
    heldout = sorted(
        (clip for clip in clips if clip.split is not Split.TRAIN), key=lambda clip: clip.clip_id
    )
    samples = [
        sample
        for name in VIUBENCH_TYPES
        for sample in _plan_type(name, heldout, items_per_type, seed)
    ]
    missing = missing_by_type(samples, items_per_type)
    if missing:
        logger.warning(
            "VIUBench lacks items, because %d clips allow no more: %s", len(heldout), missing
        )
    return samples


def missing_by_type(samples: Sequence[Sample], items_per_type: int) -> dict[str, int]:
    """How many VIUBench items each type lacks; types that lack none are left out."""
    found = Counter(viubench_type(sample) for sample in samples if sample.split is Split.VIUBENCH)
    return {
        name: items_per_type - found[name]
        for name in VIUBENCH_TYPES
        if found[name] < items_per_type
    }


def _plan_type(name: str, heldout: Sequence[Clip], items_per_type: int, seed: int) -> list[Sample]:
    order = generator(seed, "viubench", name).permutation(len(heldout))
    ring = [heldout[position] for position in order]
    planned: list[Sample] = []
    known: set[tuple[View, ...]] = set()
    while len(planned) < items_per_type and ring:
        position = len(planned) % len(ring)
        sample = _plan_new(name, len(planned), ring[position], known, seed)
        if sample is None:
            # The next clip is at this position now.
            del ring[position]
            continue
        known.add(sample.views)
        planned.append(sample)
    return planned


def _plan_new(
    name: str, index: int, clip: Clip, known: set[tuple[View, ...]], seed: int
) -> Sample | None:
    """An item that shows something else than the known ones, or None if the clip does not give
    one."""
    kind = VIUBENCH_TYPES[name]
    for attempt in range(_MAX_ATTEMPTS):
        item_seed = derive_seed(seed, "viubench", name, index, *([attempt] if attempt else []))
        sample = plan_item(clip, kind.pretext, kind.kind, kind.level, index, item_seed)
        if sample is None:
            return None
        if sample.views not in known:
            return replace(
                sample, sample_id=f"{clip.clip_id}-viubench-{name}-{index}", split=Split.VIUBENCH
            )
    return None
