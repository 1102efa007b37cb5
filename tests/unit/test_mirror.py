"""A folder in an object store as one of this machine: what is fetched when, and what makes room."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.benchmarks.mirror import Mirror
from tasks.core.errors import InputError
from tests.helpers.s3_server import s3_files

pytestmark = pytest.mark.slow
URI = "s3://films/set"


@pytest.fixture(scope="module")
def s3() -> Iterator[fsspec.AbstractFileSystem]:
    with s3_files("films") as files:
        files.pipe({f"films/set/videos/{name}.mp4": name.encode() * 100 for name in "abcd"})
        files.pipe("films/set/questions.json", b"[1]")
        files.pipe("films/set/large.mp4", b"x" * 1000)
        yield files


def _sizes(mirror: Mirror) -> dict[str, int]:
    """Of the videos that are here."""
    found = {path.name: path.stat().st_size for path in mirror.root().rglob("*.mp4")}
    assert set(found) == {"a.mp4", "b.mp4", "c.mp4", "d.mp4", "large.mp4"}
    return {name: size for name, size in found.items() if size}


def _show(mirror: Mirror, *names: str) -> dict[str, int]:
    with mirror.hold([f"videos/{name}.mp4" for name in names]):
        for name in names:
            video = mirror.root() / f"videos/{name}.mp4"
            assert video.read_bytes() == name.encode() * 100
        return _sizes(mirror)


def test_annotations_are_there_and_videos_once_they_are_held(
    s3: fsspec.AbstractFileSystem,
) -> None:
    mirror = Mirror(URI)
    assert (mirror.root() / "questions.json").read_bytes() == b"[1]"
    assert _sizes(mirror) == {}
    assert _show(mirror, "a") == _sizes(mirror) == {"a.mp4": 100}
    assert [path.name for path in mirror.root().parent.iterdir()] == [mirror.root().name]


def test_what_was_used_last_stays_and_what_is_in_use_is_never_taken(
    s3: fsspec.AbstractFileSystem,
) -> None:
    mirror = Mirror(URI, most_bytes=250)
    assert set(_show(mirror, "a")) == {"a.mp4"}
    assert set(_show(mirror, "b")) == {"a.mp4", "b.mp4"}
    assert set(_show(mirror, "a")) == {"a.mp4", "b.mp4"}
    assert set(_show(mirror, "c")) == {"a.mp4", "c.mp4"}, "b was used longest ago"
    with mirror.hold(["videos/a.mp4"]):
        # Three are shown at once, and more than there is room for.
        assert set(_show(mirror, "b", "c")) == {"a.mp4", "b.mp4", "c.mp4"}
        assert "a.mp4" in _sizes(mirror)
    assert sum(_sizes(mirror).values()) <= 250


def test_what_is_larger_than_all_the_room_is_shown_and_goes(s3: fsspec.AbstractFileSystem) -> None:
    mirror = Mirror(URI, most_bytes=250)
    with mirror.hold(["large.mp4"]):
        assert _sizes(mirror) == {"large.mp4": 1000}
    assert _sizes(mirror) == {}


def test_one_of_several_that_is_gone_leaves_the_others(s3: fsspec.AbstractFileSystem) -> None:
    s3.pipe("films/gone/a.mp4", b"aaa")
    s3.pipe("films/gone/b.mp4", b"bbb")
    mirror = Mirror("s3://films/gone")
    assert mirror.root()
    s3.rm("films/gone/a.mp4")
    with pytest.raises(FileNotFoundError), mirror.hold(["a.mp4", "b.mp4"]):
        pass
    assert len(list(mirror.root().parent.iterdir())) == 1, "no part is left"
    with mirror.hold(["b.mp4"]):
        assert (mirror.root() / "b.mp4").read_bytes() == b"bbb"


def test_no_name_leads_out_of_the_folder(s3: fsspec.AbstractFileSystem) -> None:
    for name in ("../up.mp4", "a/../../up.json", "a//b.mp4", "./c.mp4", f"{'x' * 300}.mp4", "d/"):
        s3.pipe(f"films/odd/{name}", b"")
    s3.pipe("films/odd/good.mp4", b"good")
    s3.pipe("films/odd/good.mp4/below.json", b"{}")
    s3.pipe("films/up.mp4", b"up")
    mirror = Mirror("s3://films/odd")
    root = mirror.root()
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == {
        "good.mp4/below.json"
    }
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    # Paths come out of tables, too.
    for path in ("../up.mp4", "/etc/hostname", "good.mp4/../../up.mp4"):
        with pytest.raises(FileNotFoundError, match="s3://films/odd"), mirror.hold([path]):
            pass
        with pytest.raises(FileNotFoundError):
            mirror.mark(path)


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("nothing", "holds no file"), ("many", "2 annotation files of 0.0 GiB, expected at most")],
)
def test_a_folder_of_no_benchmark_is_refused_in_one_line(
    folder: str, reason: str, s3: fsspec.AbstractFileSystem
) -> None:
    s3.pipe({"films/many/a.json": b"1" * 60, "films/many/b.parquet": b"1" * 60})
    with pytest.raises(InputError, match=f"s3://films/{folder} .*{reason}") as caught:
        assert Mirror(f"s3://films/{folder}", most_annotation_bytes=100).root()
    assert "\n" not in caught.value.message


def test_a_mark_is_one_of_the_content_and_fetches_nothing(s3: fsspec.AbstractFileSystem) -> None:
    s3.pipe("films/marks/a.mp4", b"first")
    first = Mirror("s3://films/marks").mark("a.mp4")
    assert Mirror("s3://films/marks").mark("a.mp4") == first
    s3.pipe("films/marks/a.mp4", b"other")
    mirror = Mirror("s3://films/marks")
    assert mirror.mark("a.mp4") != first
    assert (mirror.root() / "a.mp4").stat().st_size == 0


def test_a_store_that_tells_no_versions_is_taken_for_another_one_by_each_process() -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/marks/a.mp4", b"first")
    mirror = Mirror("memory://marks")
    with mirror.hold(["a.mp4"]):
        assert Path(mirror.root() / "a.mp4").read_bytes() == b"first"
    assert mirror.mark("a.mp4") == mirror.mark("a.mp4")
    files.rm("/marks", recursive=True)
