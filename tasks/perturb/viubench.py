"""Builds VIUBench from the held-out videos: nine types, equally many items, seeded."""

from dataclasses import replace

from tasks.core.errors import InputError
from tasks.core.seeding import derive_seed, generator
from tasks.core.types import Clip, Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.perturb.plan import plan_item


def plan_viubench(clips: list[Clip], items_per_type: int, seed: int) -> list[Sample]:
    """`items_per_type` items of each type, going round the held-out clips in a random order.

    A clip that does not allow an item loses it (logged); the caller compares the number.

    Raises:
        InputError: items are wanted but no clip is held out.
    """
    heldout = sorted((clip for clip in clips if clip.split is not Split.TRAIN), key=lambda clip: clip.clip_id)
    if items_per_type and not heldout:
        raise InputError(f"VIUBench needs held-out clips, got none among {len(clips)}; give more videos")
    return [
        sample
        for name in VIUBENCH_TYPES
        for index in range(items_per_type)
        if (sample := _plan_one(name, index, heldout, seed)) is not None
    ]


def _plan_one(name: str, index: int, heldout: list[Clip], seed: int) -> Sample | None:
    kind = VIUBENCH_TYPES[name]
    order = generator(seed, "viubench", name).permutation(len(heldout))
    clip = heldout[order[index % len(heldout)]]
    sample = plan_item(clip, kind.pretext, kind.kind, kind.level, index, derive_seed(seed, "viubench", name, index))
    if sample is None:
        return None
    return replace(sample, sample_id=f"{clip.clip_id}-viubench-{name}-{index}", split=Split.VIUBENCH)
