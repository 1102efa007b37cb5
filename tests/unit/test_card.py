from dataclasses import replace

import pytest

from tasks.core.config import EvaluateConfig
from tasks.core.errors import InputError
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.evaluate.answerer import RandomAnswerer
from tasks.evaluate.benchmark import find_benchmark, keep_benchmark
from tasks.evaluate.benchmark_run import ALL_TYPES, result_table, summarize
from tasks.evaluate.card import Card, benchmark_version, card_text, make_card
from tasks.evaluate.chance import chance_by_type
from tasks.evaluate.run import score_samples
from tasks.perturb.viubench import plan_viubench
from tests.helpers.clips import make_clip

CLIPS = [make_clip(name, split=Split.HELDOUT, side_px=256) for name in "abc"]
ITEMS = plan_viubench(CLIPS, 3, seed=0)


def card(items: list[Sample] = ITEMS, wanted: int = 3) -> Card:
    tables = (Artifact("items.parquet", "1" * 16, len(items)), Artifact("clips.parquet", "2" * 16, len(CLIPS)))
    clips = {clip.clip_id: clip for clip in CLIPS}
    return make_card(items, clips, items_per_type=wanted, seed=7, item_table=tables[0], clip_table=tables[1])


def kept(store: Store) -> str:
    samples, clips = write_rows(store, "s.parquet", Sample, ITEMS), write_rows(store, "c.parquet", Clip, CLIPS)
    return keep_benchmark(store, samples, clips, 3, 0).key


def test_version_follows_content_and_nothing_else() -> None:
    version = benchmark_version(ITEMS, CLIPS)
    elsewhere = [replace(clip, source=f"/elsewhere/{clip.source}") for clip in reversed(CLIPS)]
    assert benchmark_version(ITEMS, elsewhere) == version
    assert benchmark_version(ITEMS, [replace(CLIPS[0], frames_key="frames/other"), *CLIPS[1:]]) != version
    assert benchmark_version([replace(ITEMS[0], answer="1,2,3"), *ITEMS[1:]], CLIPS) != version


def test_card_counts_wanted_found_and_missing_items_and_gives_chance() -> None:
    without = [item for item in ITEMS if item.kind != "mirror"]
    types = card(without).types
    assert list(types) == list(VIUBENCH_TYPES)
    assert {name: part.missing for name, part in types.items() if part.missing} == {"grounding_mirror": 3}
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
    for part in (found.version, "seed: 7", "1" * 16, "2" * 16, "| a.mp4 | 24.0 |", "Rights stay", *VIUBENCH_TYPES):
        assert part in text
    assert "someone" not in text


def test_kept_benchmark_is_found_by_key_and_by_folder(data_root: str) -> None:
    store = Store(data_root)
    key = kept(store)
    assert find_benchmark(store, key) == find_benchmark(store, f"{store.path(key)}/")
    assert find_benchmark(store, key).items.num_rows == len(ITEMS)


@pytest.mark.parametrize("name", ["benchmarks/viubench-0", "/elsewhere", "../up", ""])
def test_unknown_benchmark_is_refused(data_root: str, name: str) -> None:
    with pytest.raises(InputError, match="there is no benchmark"):
        find_benchmark(Store(data_root), name)


def test_changed_table_is_refused(data_root: str) -> None:
    store = Store(data_root)
    key = kept(store)
    write_rows(store, f"{key}/items.parquet", Sample, ITEMS[1:])
    with pytest.raises(InputError, match="but its card says"):
        find_benchmark(store, key)


def test_benchmark_without_items_is_refused(data_root: str) -> None:
    store = Store(data_root)
    samples, clips = write_rows(store, "s.parquet", Sample, []), write_rows(store, "c.parquet", Clip, CLIPS)
    with pytest.raises(InputError, match="none of the 3 clips allows an item"):
        keep_benchmark(store, samples, clips, 3, 0)


def test_table_has_every_type_with_chance_and_items_that_could_not_be_shown() -> None:
    shown = {clip.clip_id: clip for clip in CLIPS}
    rows = score_samples(RandomAnswerer({}, num_answers=1, seed=0), ITEMS, 10, "random")  # no clip: no interval
    result = summarize(rows, ITEMS, shown, EvaluateConfig(bootstrap_resamples=10), benchmark="b", policy="p", seed=0)
    assert list(result.by_type) == [ALL_TYPES, *VIUBENCH_TYPES]
    assert result.by_type[ALL_TYPES].num_failed == 3 * 5
    assert result.by_type["grounding_mirror"].mean == 0
    lines = {line.split()[0]: line for line in result_table(result).splitlines() if line.split()}
    for name, part in result.by_type.items():
        assert f"{part.chance.mean:.4f} ± {part.chance.se:.4f}" in lines[name.split()[0]]
    assert result.metrics().keys() >= {"viubench/jigsaw_easy", "viubench_chance/jigsaw_easy", "viubench/mean_of_types"}
