"""Names by which things are found again: seeds, digests, splits, the order of training, keys."""

from pathlib import Path

from tests.helpers.clips import make_clip
from tests.records.product.data import (
    Artifact,
    Clip,
    ModelConfig,
    RolloutConfig,
    Store,
    TrainConfig,
    derive_seed,
    digest_of,
    digest_of_bytes,
    digest_of_folder,
    generator,
    learning_rate_at,
    order_of_step,
    pack,
    store_key_of_training,
    uniform_hash,
)

_NAMES = (
    ("perturb", "a1", "grounding"),
    ("perturb", "a1", "grounding", 3),
    ("rollout", "train", 0, "s"),
    (),
)


def seeds(seed: int, folder: Path) -> object:
    """What each path of names derives from a seed, and what is drawn from that."""
    return {
        "seeds": {"/".join(map(str, names)): derive_seed(seed, *names) for names in _NAMES},
        "hashes": {name: uniform_hash("split", name * 8, seed) for name in "abcdef"},
        "drawn": {
            "integers": generator(seed, "record").integers(0, 1000, 12).tolist(),
            "order": generator(seed, "record", "order").permutation(12).tolist(),
            "numbers": generator(seed, "record", "numbers").random(4).tolist(),
        },
    }


def digests(seed: int, folder: Path) -> object:
    """Of values, bytes, folders; of a checkpoint's folder as the registry's."""
    (folder / "inner").mkdir()
    (folder / "config.json").write_text(f'{{"seed": {seed}}}')
    (folder / "inner" / "weights").write_bytes(bytes(range(256)) * (seed + 1))
    (folder / "_DONE").touch()
    store = Store(str(folder))
    store.write_bytes("blobs/one", b"one")
    clip: Clip = make_clip(f"{seed}")
    return {
        "values": digest_of("retrain", seed, 0.1, None, {"b": [1, 2], "a": "x"}),
        "bytes": digest_of_bytes(b"frames %d" % seed),
        "folder": digest_of_folder(folder),
        "clip": digest_of(clip),
        "kept below the root": store.list_keys("blobs"),
    }


def training(seed: int, folder: Path) -> object:
    """Which samples a step takes, how groups share rows, the learning rate, and the key that finds
    the run again."""
    config = TrainConfig(num_steps=10, warmup_steps=3, learning_rate=1e-4)
    inputs = [
        Artifact(name, digest_of_bytes(name.encode())) for name in ("start", "samples", "clips")
    ]
    return {
        "order": [order_of_step(11, step, 4, seed) for step in range(6)],
        "spares": order_of_step(11, 2, 4, seed, num_spares=5),
        "rows": pack([900, 300, 700, 100, 450, 1200, 300], 1000 + seed),
        "learning rates": {
            decay: [learning_rate_at(step, config, decay) for step in range(10)]
            for decay in ("constant", "linear", "cosine")
        },
        "key": store_key_of_training(
            inputs, ModelConfig(base="tiny", dtype="float32"), RolloutConfig(), TrainConfig(), seed
        ),
    }
