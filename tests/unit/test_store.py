import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.core.store import Store
from tests.helpers.pyflyte import REPO_ROOT

_WRITE_FOREVER = """
import sys
import tempfile
import time
from tasks.core.store import Store
store, number = Store(sys.argv[1]), 0
print("ready", flush=True)
while True:
    number += 1
    store.write_bytes("blob", str(number % 10).encode() * 8_000_000)
"""


def test_written_bytes_are_read_back_and_replaced(data_root: str) -> None:
    store = Store(data_root)
    store.write_bytes("a/b.bin", b"first")
    store.write_bytes("a/b.bin", b"second")
    assert store.exists("a/b.bin")
    assert store.read_bytes("a/b.bin") == b"second"
    assert [path.name for path in Path(data_root, "a").iterdir()] == ["b.bin"]


def test_missing_key_does_not_exist(data_root: str) -> None:
    assert not Store(data_root).exists("a/b.bin")
    assert not Store(data_root).has_folder("a")


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/passwd", "", "."])
def test_key_outside_the_root_is_refused(data_root: str, key: str) -> None:
    with pytest.raises(ValueError, match="must be relative and stay inside the data root"):
        Store(data_root).write_bytes(key, b"")


def test_failed_write_leaves_the_old_content(data_root: str) -> None:
    store = Store(data_root)
    store.write_bytes("blob", b"old")
    with pytest.raises(TypeError):
        store.write_bytes("blob", "not bytes")  # type: ignore[arg-type]
    assert store.read_bytes("blob") == b"old"


@pytest.mark.slow
def test_writer_killed_midway_leaves_whole_content_or_none(data_root: str) -> None:
    store = Store(data_root)
    for delay_seconds in (0.0, 0.01, 0.05):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOREVER, data_root], cwd=REPO_ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=delay_seconds)
        writer.kill()
        writer.communicate()
        if store.exists("blob"):
            content = store.read_bytes("blob")
            assert content == content[:1] * 8_000_000


def test_finished_folder_is_moved_and_marked(data_root: str) -> None:
    store = Store(data_root)
    source = store.scratch_folder()
    (source / "deep").mkdir()
    (source / "deep" / "file.txt").write_text("content")
    assert not store.has_folder("outputs/one")
    store.write_folder("outputs/one", source)
    assert store.has_folder("outputs/one")
    assert not source.exists()
    assert (store.local_folder("outputs/one") / "deep" / "file.txt").read_text() == "content"


def test_folder_can_be_written_again(data_root: str) -> None:
    store = Store(data_root)
    for content in ("first", "second"):
        source = store.scratch_folder()
        (source / "file.txt").write_text(content)
        store.write_folder("one", source)
    assert (store.local_folder("one") / "file.txt").read_text() == "second"


def test_folder_without_its_marker_is_unfinished(data_root: str) -> None:
    Path(data_root, "one").mkdir()
    Path(data_root, "one", "file.txt").write_text("half")
    assert not Store(data_root).has_folder("one")


def test_deleted_key_is_gone(data_root: str) -> None:
    store = Store(data_root)
    store.write_bytes("a/b.bin", b"content")
    store.delete("a")
    store.delete("a")
    assert not store.exists("a/b.bin")


@pytest.mark.parametrize("root", ["files", "memory://videossr-many-blobs"])
def test_of_many_blobs_some_are_deleted_at_once(root: str, data_root: str) -> None:
    store = Store(data_root if root == "files" else root)
    for number in range(5):
        store.write_bytes(f"marks/{number}", b"")
    store.delete_blobs(["marks/1", "marks/3"])
    store.delete_blobs([])
    assert store.list_keys("marks") == ["marks/0", "marks/2", "marks/4"]


def test_object_store_uri_keeps_blobs_and_folders(tmp_path: Path) -> None:
    store = Store("memory://videossr-test-store")
    store.write_bytes("a/b.bin", b"content")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file.txt").write_text("content")
    store.write_folder("outputs/one", tmp_path / "one")
    assert store.read_bytes("a/b.bin") == b"content"
    assert store.has_folder("outputs/one")
    local = store.local_folder("outputs/one")
    assert (local / "file.txt").read_text() == "content"


_DIE_MIDWAY = """
import os, sys
from tasks.core.store import Store
store = Store(sys.argv[1])
(store.scratch_folder() / "half of a policy").write_bytes(b"x")
store._write_aside("a blob", b"half of a blob")
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_what_a_killed_writer_left_is_removed_at_the_next_start_and_nothing_else(
    data_root: str,
) -> None:
    store = Store(data_root)
    own = store.scratch_folder()
    stranger = Path(data_root, "scratch", "of-another-machine")
    stranger.mkdir()
    subprocess.run([sys.executable, "-c", _DIE_MIDWAY, data_root], cwd=REPO_ROOT, check=False)
    assert len(list(Path(data_root, "scratch").iterdir())) == 4
    assert store.clean_scratch() == 2
    assert sorted(Path(data_root, "scratch").iterdir()) == sorted([own, stranger])
    week = 7 * 24 * 3600
    os.utime(stranger, (time.time() - week - 1,) * 2)
    assert store.clean_scratch() == 1, "what cannot be looked at is kept for a week"
    assert list(Path(data_root, "scratch").iterdir()) == [own]


def test_many_writers_at_once_do_not_take_the_scratch_from_each_other(data_root: str) -> None:
    store = Store(data_root)

    def write(_: int) -> None:
        for _ in range(500):
            store.leave_scratch(store.scratch_folder())

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(8)))
    assert not Path(data_root, "scratch").exists()


def test_a_remote_folder_is_downloaded_once_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store("memory://once")
    for content in ("first", "second"):
        source = store.scratch_folder()
        (source / "file.txt").write_text(content)
        store.write_folder("policy", source)
        local = store.local_folder("policy")
        assert store.local_folder("policy") == local
        assert (local / "file.txt").read_text() == content, (
            "another folder under the same key is another copy"
        )
    assert len(list(tmp_path.iterdir())) == 1, "the first copy is gone"
