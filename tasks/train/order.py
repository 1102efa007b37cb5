"""Which samples each step trains on: every epoch is a fresh permutation, a function of (seed, epoch) only."""

from collections.abc import Sequence

from tasks.core.seeding import generator
from tasks.core.types import Sample


def step_samples(samples: Sequence[Sample], step: int, batch_size: int, seed: int) -> list[Sample]:
    """The samples of `step` (from 0). Nothing is kept between steps, so a resumed run sees the same data.

    A step that crosses the end of an epoch takes the rest from the next one.
    """
    positions = range(step * batch_size, (step + 1) * batch_size)
    orders = {
        epoch: generator(seed, "train", "epoch", epoch).permutation(len(samples))
        for epoch in {position // len(samples) for position in positions}
    }
    return [samples[orders[position // len(samples)][position % len(samples)]] for position in positions]


def spare_samples(samples: Sequence[Sample], step: int, chosen: Sequence[Sample], num: int, seed: int) -> list[Sample]:
    """Up to `num` samples at random that are not among `chosen`, the samples of `step`."""
    taken = {sample.sample_id for sample in chosen}
    order = generator(seed, "train", "spares", step).permutation(len(samples))
    return [samples[i] for i in order if samples[i].sample_id not in taken][:num]
