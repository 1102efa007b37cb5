from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.viubench.card import Card, benchmark_version, card_text, make_card
from tasks.benchmarks.viubench.chance import chance_by_type
from tasks.benchmarks.viubench.folder import built_clips, built_items, is_built, keep_benchmark
from tasks.core.errors import InputError
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.perturb.viubench import plan_viubench
from tests.helpers.clips import make_clip

CLIPS = [make_clip(name, split=Split.HELDOUT, side_px=256) for name in "abc"]
ITEMS = plan_viubench(CLIPS, 3, seed=0)


def card(items: list[Sample] = ITEMS, wanted: int = 3) -> Card:
    tables = (
        Artifact("items.parquet", "1" * 16, len(items)),
        Artifact("clips.parquet", "2" * 16, len(CLIPS)),
    )
    clips = {clip.clip_id: clip for clip in CLIPS}
    return make_card(
        items, clips, items_per_type=wanted, seed=7, item_table=tables[0], clip_table=tables[1]
    )


def kept(store: Store) -> str:
    return keep_benchmark(store, ITEMS, {clip.clip_id: clip for clip in CLIPS}, 3, 0).key


def test_version_follows_content_and_nothing_else() -> None:
    version = benchmark_version(ITEMS, CLIPS)
    elsewhere = [replace(clip, source=f"/elsewhere/{clip.source}") for clip in reversed(CLIPS)]
    assert benchmark_version(ITEMS, elsewhere) == version
    assert (
        benchmark_version(ITEMS, [replace(CLIPS[0], frames_key="frames/other"), *CLIPS[1:]])
        != version
    )
    assert benchmark_version([replace(ITEMS[0], answer="1,2,3"), *ITEMS[1:]], CLIPS) != version


def test_card_counts_wanted_found_and_missing_items_and_gives_chance() -> None:
    without = [item for item in ITEMS if item.kind != "mirror"]
    types = card(without).types
    assert list(types) == list(VIUBENCH_TYPES)
    assert {name: part.missing for name, part in types.items() if part.missing} == {
        "grounding_mirror": 3
    }
    assert types["grounding_mirror"].chance is None
    expected = chance_by_type(ITEMS, {clip.clip_id: clip for clip in CLIPS})
    assert {name: part.chance for name, part in card().types.items()} == expected


def test_text_names_version_digests_every_type_and_every_video_but_no_folder() -> None:
    moved = [replace(clip, source=f"/home/someone/{clip.source}") for clip in CLIPS]
    found = make_card(
        ITEMS,
        {clip.clip_id: clip for clip in moved},
        items_per_type=3,
        seed=7,
        item_table=Artifact("i", "1" * 16, len(ITEMS)),
        clip_table=Artifact("c", "2" * 16, 3),
    )
    text = card_text(found)
    for part in (
        found.version,
        "seed: 7",
        "1" * 16,
        "2" * 16,
        "| a.mp4 | 24.0 |",
        "Rights stay",
        *VIUBENCH_TYPES,
    ):
        assert part in text
    assert "someone" not in text


def test_a_built_benchmark_gives_its_items_back_and_notices_other_tables(data_root: str) -> None:
    store = Store(data_root)
    folder = Path(store.path(kept(store)))
    assert is_built(folder)
    assert not is_built(folder.parent)
    assert built_items(folder) == ITEMS
    assert list(built_clips(folder).values()) == CLIPS
    write_rows(store, f"benchmarks/{folder.name}/items.parquet", Sample, ITEMS[1:])
    with pytest.raises(InputError, match="but its card says"):
        built_items(folder)


def test_benchmark_without_items_is_refused(data_root: str) -> None:
    clips = {clip.clip_id: clip for clip in CLIPS}
    with pytest.raises(InputError, match="none of the 3 clips allows an item"):
        keep_benchmark(Store(data_root), [], clips, 3, 0)
