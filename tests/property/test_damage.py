"""Whatever happens to a kept file, reading it gives what was written, or one line that names it and
says what to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.latest import LATEST_KEY, LatestDataset, find_manifests, point_to_latest
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import NO_PLAN
from tasks.core.plan_pointer import plan_to_start_from, publish_plan
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.ingest.split import TrainingRecord, read_history
from tasks.validate.findings import ManifestFinding, findings_json
from tasks.video.frame_store import load_frames
from tests.helpers.clips import make_clip, store_clip

_CLIP = make_clip("a", num_frames=8)
_HISTORY = "ingest/trained/0123456789abcdef.parquet"


@dataclass(frozen=True)
class _Kept:
    """A kind of file: how it is written and read."""

    key: str
    write: Callable[[Store], object]
    read: Callable[[Store], Any]


def _point_to_a_data_set(store: Store) -> None:
    clips, samples = (
        write_rows(store, f"{row.__name__}.parquet", row, []) for row in (Clip, Sample)
    )
    point_to_latest(store, LatestDataset(clips=clips, samples=samples, run_id="r"))


_KINDS = {
    "manifest": _Kept(
        "m/clips.parquet",
        lambda store: write_rows(
            store, "m/clips.parquet", Clip, [make_clip(name) for name in "abc"]
        ),
        lambda store: read_rows(store, "m/clips.parquet", Clip),
    ),
    "latest data set": _Kept(
        LATEST_KEY,
        lambda store: _point_to_a_data_set(store),
        lambda store: find_manifests(store, "", ""),
    ),
    "difficulty plan": _Kept(
        "calibrated/latest.json",
        lambda store: publish_plan(store, "inputs", NO_PLAN, NO_PLAN),
        lambda store: plan_to_start_from(store, "inputs"),
    ),
    "history of training": _Kept(
        _HISTORY,
        lambda store: write_rows(
            store, _HISTORY, TrainingRecord, [TrainingRecord(sha256="a", fingerprint="0")]
        ),
        lambda store: read_history(store),
    ),
    "findings": _Kept(
        "v/findings.json",
        lambda store: store.write_bytes("v/findings.json", findings_json([])),
        lambda store: read_json(store, "v/findings.json", list[ManifestFinding]),
    ),
    "frames": _Kept(
        _CLIP.frames_key,
        lambda store: store_clip(store, _CLIP),
        lambda store: load_frames(store, _CLIP),
    ),
}


@dataclass(frozen=True)
class _Written:
    kind: _Kept
    store: Store
    data: bytes = field(repr=False)
    """As it was written; too long to be shown with a failure."""


@pytest.fixture(scope="module", params=list(_KINDS))
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> _Written:
    kind = _KINDS[request.param]
    store = Store(str(tmp_path_factory.mktemp("root")))
    kind.write(store)
    return _Written(kind, store, store.read_bytes(kind.key))


def _check(kind: _Kept, store: Store, data: bytes) -> None:
    store.write_bytes(kind.key, data)
    try:
        kind.read(store)
    except InputError as error:
        line = str(error)
        assert store.path(kind.key) in line
        assert "delete" in line
        assert len(line.splitlines()) == 1
        assert len(line) < 1500


_PLACE = st.integers(0, 2**20)
"""In a file, from its beginning again where it ends."""


@settings(max_examples=150)
@given(changes=st.lists(st.tuples(_PLACE, st.integers(1, 255)), min_size=1, max_size=4))
def test_changed_bytes_are_read_or_named(kept: _Written, changes: list[tuple[int, int]]) -> None:
    kind, store, written = kept.kind, kept.store, kept.data
    damaged = bytearray(written)
    for place, bits in changes:
        damaged[place % len(written)] ^= bits
    _check(kind, store, bytes(damaged))


@settings(max_examples=60)
@given(place=_PLACE)
def test_what_is_cut_off_is_named(kept: _Written, place: int) -> None:
    kind, store, written = kept.kind, kept.store, kept.data
    _check(kind, store, written[: place % len(written)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        b"PAR1PAR1",
        b"PK\x05\x06",
    ],
)
def test_something_else_in_its_place_is_named(kept: _Written, content: bytes) -> None:
    kind, store = kept.kind, kept.store
    store.write_bytes(kind.key, content)
    if kind.key == "v/findings.json" and content == b"[]":
        assert kind.read(store) == []
        return
    with pytest.raises(InputError) as caught:
        kind.read(store)
    assert store.path(kind.key) in str(caught.value)
    assert "delete" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_manifest_that_is_gone_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(
        InputError, match=f"{tmp_path}/m/clips.parquet is gone; run the same command again"
    ):
        read_rows(store, "m/clips.parquet", Clip)
