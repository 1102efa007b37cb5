"""Samples chosen, and written as a folder to look at."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.latest import LatestDataset, find_manifests, point_to_latest
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample
from tasks.preview.filter import SampleFilter, filter_samples
from tasks.preview.gallery import write_gallery
from tasks.validate.samples_page import samples_page
from tasks.video.preview import preview_name
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.rollouts import make_sample
from tests.helpers.samples import plan_all

SAMPLES = plan_all([make_clip(name) for name in "abc"], PerturbConfig(levels=(0.0, 0.5)))


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name == "src"]


def test_a_filter_fits_what_it_names() -> None:
    asked = SampleFilter(pretext="grounding", kind="mirror", level=0.5)
    assert {(s.pretext, s.kind, s.level) for s in filter_samples(SAMPLES, asked)[0]} == {
        ("grounding", "mirror", 0.5)
    }
    assert filter_samples(SAMPLES, SampleFilter(limit=1))[1] == len(SAMPLES)
    with pytest.raises(InputError, match=r"there are .* grounding mirror 0\.5 train"):
        filter_samples(SAMPLES, SampleFilter(kind="mirrored"))
    with pytest.raises(ValueError, match="limit: got -1"):
        SampleFilter(limit=-1)


def test_a_limit_draws_from_all_cells_the_same_each_time_and_otherwise_with_another_seed() -> None:
    num_cells = len({sample.cell for sample in SAMPLES})
    chosen = filter_samples(SAMPLES, SampleFilter(limit=num_cells))
    assert len({sample.cell for sample in chosen[0]}) == num_cells
    assert {s.pretext for s in filter_samples(SAMPLES, SampleFilter(limit=3))[0]} == {
        "counting",
        "grounding",
        "jigsaw",
    }
    assert chosen == filter_samples(reversed(SAMPLES), SampleFilter(limit=num_cells))
    assert chosen != filter_samples(SAMPLES, SampleFilter(limit=num_cells, seed=1))
    assert set(filter_samples(SAMPLES, SampleFilter(limit=0))[0]) == set(SAMPLES)


@pytest.mark.slow
def test_the_page_shows_every_file_and_names_what_it_cannot_show(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "root"))
    clip = store_clip(store, make_clip("c", num_frames=16))
    samples = [
        make_sample("one", clip_id=clip.clip_id),
        make_sample("two", pretext="jigsaw", kind="../<b>/é 2", clip_id=clip.clip_id),
        make_sample("gone", clip_id="missing"),
    ]
    found = write_gallery(
        store, Store(str(tmp_path / "out")), "", samples, {clip.clip_id: clip}, SampleFilter()
    )
    assert (found.num_samples, found.num_fitting, list(found.left_out)) == (2, 3, ["gone"])
    index = Path(found.index)
    assert index == tmp_path / "out" / "index.html"
    files = {path.name for path in index.parent.iterdir()} - {"index.html"}
    assert set(Page(index.read_text()).sources) == files
    assert len(files) == 4
    assert "<b>" not in index.read_text()
    assert "unknown clip" in index.read_text() or "missing" in index.read_text()


def test_file_names_are_safe_whatever_a_kind_is_called() -> None:
    sample = make_sample("s", kind="../../etc/passwd\0 ünïcode" + "x" * 300)
    name = preview_name(3, sample)
    assert name.startswith("003-grounding-.._.._etc_passwd_")
    assert "/" not in name
    assert name.isascii()
    assert len(name) < 120


def test_the_latest_data_set_stands_for_keys_that_are_not_given(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(InputError, match="no data set was checked yet"):
        find_manifests(store, "", "")
    clips, samples = (
        write_rows(store, key, row, []) for key, row in (("c.parquet", Clip), ("s.parquet", Sample))
    )
    point_to_latest(store, LatestDataset(clips=clips, samples=samples, run_id="r"))
    assert find_manifests(store, "", "") == ("s.parquet", "c.parquet")
    with pytest.raises(InputError, match="belong together"):
        find_manifests(store, "s.parquet", "")
    with pytest.raises(InputError, match="no manifest"):
        find_manifests(store, "other.parquet", "c.parquet")
    store.write_bytes("s.parquet", b"another one")
    with pytest.raises(
        InputError, match=r"latest_dataset\.json names what is not there as it was: .*s\.parquet"
    ):
        find_manifests(store, "", "")


def test_the_page_of_checked_samples_counts_them_and_shows_some(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip = store_clip(store, make_clip("c", num_frames=16))
    samples = [make_sample(f"s{i}", clip_id=clip.clip_id) for i in range(3)]
    page = samples_page(
        store,
        write_rows(store, "clips.parquet", Clip, [clip]),
        write_rows(
            store,
            "rejected.parquet",
            Rejection,
            [Rejection(source="a", reason="static", detail="")],
        ),
        write_rows(store, "samples.parquet", Sample, samples),
        seed=0,
    )
    assert page.count("data:image/png;base64,") == 3
    assert "<td>grounding · mirror</td><td>–</td><td>3</td><td>–</td>" in page
    assert "1 videos rejected: static" in page
