"""The training samples in pools, each with its share of the rollouts."""

from collections.abc import Iterator
from itertools import islice
from math import ceil

from tasks.core.config import CalibrateConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import iterate_rows, write_rows
from tasks.core.records import Pool
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample, Split


def make_pools(store: Store, samples: Artifact, config: CalibrateConfig) -> list[Pool]:
    """As many pools as `max_rollouts` fills with `shard_groups` groups each; every pool has samples
    of all clips.

    Rows are dealt out in turn, so that a pool is a fair part of the whole; they are read once a
    pool.
    """
    num_rows = sum(1 for _ in _training(store, samples))
    num_groups = min(config.max_groups, num_rows)
    num_pools = max(1, ceil(num_groups / config.shard_groups))
    # Of the configuration only what decides about pools: other changes find them again.
    key = digest_of("pools", samples.digest, config.max_groups, config.shard_groups)
    return [
        Pool(
            samples=write_rows(
                store,
                f"calibrated/{key}/pool-{number:05d}.parquet",
                Sample,
                islice(_training(store, samples), number, None, num_pools),
            ),
            num_groups=num_groups // num_pools + (number < num_groups % num_pools),
        )
        for number in range(num_pools)
        if num_rows
    ]


def _training(store: Store, samples: Artifact) -> Iterator[Sample]:
    return (row for row in iterate_rows(store, samples, Sample) if row.split == Split.TRAIN)
