"""A VIUBench that was built here: written once with its card, and checked whenever it is opened."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tasks.benchmarks.records import BuiltBenchmark
from tasks.benchmarks.viubench.card import Card, benchmark_version, card_text, make_card
from tasks.core.digest import digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample

_CARD, _ITEMS, _CLIPS = "card.json", "items.parquet", "clips.parquet"


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
    item_table = write_rows(store, f"{key}/{_ITEMS}", Sample, items)
    clip_table = write_rows(store, f"{key}/{_CLIPS}", Clip, clips.values())
    card = make_card(
        items,
        clips,
        items_per_type=items_per_type,
        seed=seed,
        item_table=item_table,
        clip_table=clip_table,
    )
    store.write_bytes(f"{key}/card.md", card_text(card).encode())
    store.write_bytes(f"{key}/{_CARD}", json.dumps(asdict(card), indent=1).encode())
    return BuiltBenchmark(key=key, version=card.version, items=item_table, clips=clip_table)


def is_built(folder: str | Path) -> bool:
    """Whether build_viubench made this folder, which may be a URI."""
    return Store(str(folder)).exists(_CARD)


def data_root_of(folder: str | Path) -> Store:
    """The store that a built benchmark lies in, with its frames."""
    return _place(folder).root


def built_items(folder: str | Path) -> list[Sample]:
    """Its items.

    Raises:
        InputError: its tables are not those that its card describes.
    """
    root, key = _place(folder)
    card = read_json(root, f"{key}/{_CARD}", Card, "build the benchmark again")
    _check(root, f"{key}/{_CLIPS}", card.clips)
    _check(root, f"{key}/{_ITEMS}", card.items)
    return read_rows(root, f"{key}/{_ITEMS}", Sample)


def built_clips(folder: str | Path) -> dict[str, Clip]:
    """The clips that its items show, by id."""
    root, key = _place(folder)
    return {clip.clip_id: clip for clip in read_rows(root, f"{key}/{_CLIPS}", Clip)}


class _Place(NamedTuple):
    root: Store
    key: str
    """Of the folder there."""


def _place(folder: str | Path) -> _Place:
    # It lies in ROOT/benchmarks/NAME, and its tables name frames by their keys below ROOT.
    root, *key = str(folder).rstrip("/").rsplit("/", 2)
    if len(key) < 2 or "" in key:
        raise InputError(
            f"{folder} holds a VIUBench built here, expected in DATA_ROOT/benchmarks/NAME: its "
            "frames lie in the data root"
        )
    return _Place(Store(root or "/"), "/".join(key))


def _check(root: Store, key: str, described: Artifact) -> None:
    digest = digest_of_bytes(root.read_bytes(key)) if root.exists(key) else "nothing"
    if digest != described.digest:
        raise InputError(
            f"{root.path(key)} has the digest {digest}, but its card says {described.digest}; "
            "build the benchmark again"
        )
