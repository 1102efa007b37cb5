"""VIUBench's nine types: the pretext tasks at fixed points of difficulty. Planned by perturb,
scored by evaluate."""

from dataclasses import dataclass

from tasks.core.types import Sample

EASY_LEVEL = 0.5
"""Counting 3 frames x 3 shapes, jigsaw of 6 clips; also the paper's training recipe."""
HARD_LEVEL = 0.75
"""Counting 4 frames x 4 shapes, jigsaw of 8 clips."""


@dataclass(frozen=True, kw_only=True)
class ViubenchType:
    """Which pretext items make up one type."""

    pretext: str
    kind: str
    level: float
    most_of_each: int = 0
    """Of counting: most shapes of one type that an item can hold (frames x shapes); the least is
    1."""


VIUBENCH_TYPES: dict[str, ViubenchType] = {
    "counting_easy": ViubenchType(
        pretext="counting", kind="shapes", level=EASY_LEVEL, most_of_each=3 * 3
    ),
    "counting_hard": ViubenchType(
        pretext="counting", kind="shapes", level=HARD_LEVEL, most_of_each=4 * 4
    ),
    "grounding_channel_swap": ViubenchType(
        pretext="grounding", kind="channel_swap", level=EASY_LEVEL
    ),
    "grounding_rotate_180": ViubenchType(pretext="grounding", kind="rotate_180", level=EASY_LEVEL),
    "grounding_zoom_out": ViubenchType(pretext="grounding", kind="zoom_out", level=EASY_LEVEL),
    "grounding_mirror": ViubenchType(pretext="grounding", kind="mirror", level=EASY_LEVEL),
    "grounding_shuffle": ViubenchType(pretext="grounding", kind="shuffle", level=EASY_LEVEL),
    "jigsaw_easy": ViubenchType(pretext="jigsaw", kind="clips", level=EASY_LEVEL),
    "jigsaw_hard": ViubenchType(pretext="jigsaw", kind="clips", level=HARD_LEVEL),
}


def viubench_type(sample: Sample) -> str:
    """The type that `sample` belongs to.

    Raises:
        ValueError: it belongs to none.
    """
    if sample.pretext == "grounding":
        name = f"grounding_{sample.kind}"
    else:
        name = f"{sample.pretext}_{'easy' if sample.level == EASY_LEVEL else 'hard'}"
    # The name took every level but the easy one for hard.
    if name not in VIUBENCH_TYPES or VIUBENCH_TYPES[name].level != sample.level:
        raise ValueError(f"sample {sample.sample_id} {sample.cell} is of no VIUBench type")
    return name
