"""A VIUBench that was built here: written once with its card, and checked whenever it is opened."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tasks.benchmarks.records import BuiltBenchmark
from tasks.benchmarks.viubench.card import Card, benchmark_version, card_text, make_card
from tasks.core.digest import digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.kept import parse_json
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample

CARD = "card.json"
"""What makes a folder a built benchmark: written last."""


def keep_benchmark(
    store: Store, items: Sequence[Sample], clips: Mapping[str, Clip], items_per_type: int, seed: int
) -> BuiltBenchmark:
    """Write the tables and the card; `card.json` comes last, so who finds it finds everything.

    `clips` are by id.

    Raises:
        InputError: there is no item.
    """
    if not items:
        raise InputError(
            f"none of the {len(clips)} clips allows an item; give longer or livelier videos"
        )
    key = f"benchmarks/viubench-{benchmark_version(items, list(clips.values()))}"
    item_table = write_rows(store, f"{key}/items.parquet", Sample, items)
    clip_table = write_rows(store, f"{key}/clips.parquet", Clip, clips.values())
    card = make_card(
        items,
        clips,
        items_per_type=items_per_type,
        seed=seed,
        item_table=item_table,
        clip_table=clip_table,
    )
    store.write_bytes(f"{key}/card.md", card_text(card).encode())
    store.write_bytes(f"{key}/{CARD}", json.dumps(asdict(card), indent=1).encode())
    return BuiltBenchmark(key=key, version=card.version, items=item_table, clips=clip_table)


def is_built(folder: Path) -> bool:
    """Whether build_viubench made this folder."""
    return (folder / CARD).is_file()


def data_root_of(folder: Path) -> Store:
    """The store that a built benchmark lies in, with its frames."""
    # It lies in ROOT/benchmarks/NAME, and its tables name frames by their keys below ROOT.
    return Store(str(folder.parents[1]))


def built_items(folder: Path) -> list[Sample]:
    """Its items.

    Raises:
        InputError: its tables are not those that its card describes.
    """
    card = parse_json(
        (folder / CARD).read_bytes(), str(folder / CARD), Card, "build the benchmark again"
    )
    key = _checked(folder, "items.parquet", card.items)
    _checked(folder, "clips.parquet", card.clips)
    return read_rows(data_root_of(folder), key, Sample)


def built_clips(folder: Path) -> dict[str, Clip]:
    """The clips that its items show, by id."""
    return {
        clip.clip_id: clip
        for clip in read_rows(data_root_of(folder), _key(folder, "clips.parquet"), Clip)
    }


def _checked(folder: Path, name: str, described: Artifact) -> str:
    path = folder / name
    digest = digest_of_bytes(path.read_bytes()) if path.is_file() else "nothing"
    if digest != described.digest:
        raise InputError(
            f"{path} has the digest {digest}, but its card says {described.digest}; build the "
            "benchmark again"
        )
    return _key(folder, name)


def _key(folder: Path, name: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{name}"
