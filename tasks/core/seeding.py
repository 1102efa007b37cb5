"""Randomness: one generator per item, so the same item gets the same bytes whatever the
parallelism."""

import hashlib

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed from the run's seed and the path of names (stage, item id, ...) that leads to
    the item."""
    # The separator stands in no name of ours, so ("a", "bc") and ("ab", "c") are different items.
    # 63 bits, because manifests keep seeds as signed 64-bit numbers.
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """The NumPy generator of one item."""
    return np.random.default_rng(derive_seed(seed, *names))


def uniform_hash(*names: str | int) -> float:
    """A number in [0, 1) that depends on the names only: splits by it stay put when items come and
    go."""
    return derive_seed(0, *names) / 2**63
