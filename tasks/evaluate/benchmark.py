"""A benchmark in the store: written once with its card, found again and checked before anything is scored on it."""

import json
from dataclasses import asdict

from pydantic import TypeAdapter

from tasks.core.digest import digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample
from tasks.evaluate.card import Card, benchmark_version, card_text, make_card
from tasks.evaluate.outputs import Benchmark


def keep_benchmark(store: Store, samples: Artifact, clips: Artifact, items_per_type: int, seed: int) -> Benchmark:
    """Write the tables and the card; `card.json` comes last, so who finds it finds everything.

    Raises:
        InputError: there is no item.
    """
    items, shown = read_rows(store, samples.key, Sample), read_clips(store, clips)
    if not items:
        raise InputError(f"none of the {len(shown)} clips allows an item; give longer or livelier videos")
    key = f"benchmarks/viubench-{benchmark_version(items, list(shown.values()))}"
    item_table = write_rows(store, f"{key}/items.parquet", Sample, items)
    clip_table = write_rows(store, f"{key}/clips.parquet", Clip, shown.values())
    card = make_card(
        items, shown, items_per_type=items_per_type, seed=seed, item_table=item_table, clip_table=clip_table
    )
    store.write_bytes(f"{key}/card.md", card_text(card).encode())
    store.write_bytes(f"{key}/card.json", json.dumps(asdict(card), indent=1).encode())
    return Benchmark(key=key, version=card.version, items=item_table, clips=clip_table)


def find_benchmark(store: Store, benchmark: str) -> Benchmark:
    """The benchmark with this key, or in this folder of the store.

    Raises:
        InputError: there is none, or its tables are not those that its card describes.
    """
    key = benchmark.rstrip("/").removeprefix(store.path("benchmarks").removesuffix("benchmarks"))
    try:
        known = store.exists(f"{key}/card.json")
    except ValueError:
        known = False
    if not known:
        raise InputError(
            f"there is no benchmark {benchmark!r} in this data root; expected what build_viubench printed, "
            "e.g. benchmarks/viubench-0123456789abcdef, and the data root that it was built in"
        )
    card = TypeAdapter(Card).validate_json(store.read_bytes(f"{key}/card.json"))
    return Benchmark(
        key=key,
        version=card.version,
        items=_table(store, f"{key}/items.parquet", card.items),
        clips=_table(store, f"{key}/clips.parquet", card.clips),
    )


def _table(store: Store, key: str, described: Artifact) -> Artifact:
    digest = digest_of_bytes(store.read_bytes(key)) if store.exists(key) else "nothing"
    if digest != described.digest:
        raise InputError(
            f"{key} has the digest {digest}, but its card says {described.digest}; build the benchmark again"
        )
    return Artifact(key=key, digest=digest, num_rows=described.num_rows)
