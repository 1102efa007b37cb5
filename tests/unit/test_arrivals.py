"""Which files are new videos, and why others are not."""

import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from tasks.core.config import IngestConfig
from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Rejection
from tasks.ingest.arrivals import find_arrivals
from tasks.ingest.contents import mark_trained
from tasks.ingest.listing import list_shards
from tasks.ingest.shard import ingest_videos
from tests.helpers.s3_server import s3_files
from tests.helpers.videos import ffmpeg, write_video

pytestmark = pytest.mark.slow

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)
_SETTLED_SECONDS = 2.2
"""A file changed just now gets no record: its time may hide another change."""


def arrivals(
    store: Store, videos: str | Path, config: IngestConfig = CONFIG
) -> tuple[int, dict[str, int]]:
    found = find_arrivals(store, list_shards(str(videos), config), config)
    return found.num_new, found.not_counted


def finish(store: Store, videos: str | Path, config: IngestConfig = CONFIG) -> None:
    """As a retrain that ends well."""
    for shard in list_shards(str(videos), config):
        mark_trained(store, ingest_videos(store, shard, config).contents.key)


def test_new_and_changed_videos_count_and_what_ingest_rejected_does_not(
    store: Store, folder: Path
) -> None:
    write_video(folder / "a.mp4")
    (folder / "broken.mp4").write_bytes(write_video(folder / "c.mp4").read_bytes()[:36])
    assert arrivals(store, folder) == (2, {"incomplete file": 1})
    finish(store, folder)
    assert arrivals(store, folder)[0] == 0, "though they were only just written"
    write_video(folder / "b.mp4", num_frames=70)
    assert arrivals(store, folder)[0] == 1
    write_video(folder / "a.mp4", num_frames=80)
    assert arrivals(store, folder)[0] == 2


def _png(path: Path, kind: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        path, kind
    )


NO_VIDEOS: dict[str, Callable[[Path], object]] = {
    "notes.txt": lambda path: path.write_text("some words\n" * 300),
    "a.srt": lambda path: path.write_text("1\n00:00:01,000 --> 00:00:02,000\nwords\n\n"),
    "a.vtt": lambda path: path.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nwords\n"),
    "a.nfo": lambda path: path.write_text("<movie><title>a</title></movie>"),
    "a.json": lambda path: path.write_text('{"a": 1}'),
    "list.m3u8": lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n"),
    "SHA256SUMS": lambda path: path.write_text("not as sha256sum writes it\n"),
    "MD5SUMS": lambda path: path.write_text(f"{'0' * 32}  a.mp4\n"),
    "Thumbs.db": lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)),
    "desktop.ini": lambda path: path.write_bytes("[.ShellClassInfo]\r\n".encode("utf-16")),
    "poster.jpg": partial(_png, kind="JPEG"),
    "poster.png": partial(_png, kind="PNG"),
    "poster.gif": partial(_png, kind="GIF"),
    "poster.webp": partial(_png, kind="WEBP"),
    "archive.zip": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 16),
    "empty.mp4": lambda path: path.touch(),
    "empty": lambda path: path.touch(),
    "ones.mp4": lambda path: path.write_bytes(b"\xff" * 9000),
    ".DS_Store": lambda path: path.write_bytes(b"\x00\x00\x00\x01Bud1"),
    "._a.mp4": lambda path: path.write_bytes(b"\x00\x05\x16\x07"),
    ".a.mp4.XyZ123": lambda path: write_video(path.with_name("tmp.mp4"), num_frames=33).rename(
        path
    ),
    **{
        f"a.mp4{suffix}": lambda path: write_video(path.with_name("tmp.mp4"), num_frames=34).rename(
            path
        )
        for suffix in (
            ".part",
            ".crdownload",
            ".tmp",
            ".download",
            ".filepart",
            ".PART",
            ".part-Frag12",
        )
    },
}


@pytest.mark.parametrize("mark", ["before", "after"])
def test_what_is_no_video_never_counts(store: Store, folder: Path, mark: str) -> None:
    """Neither when it comes alone nor after an ingest that has seen it."""
    for name, make in NO_VIDEOS.items():
        make(folder / name)
        assert not (folder / "tmp.mp4").exists()
    if mark == "after":
        finish(store, folder)
    num_new, reasons = arrivals(store, folder)
    assert num_new == 0
    assert sum(reasons.values()) == sum(not name.startswith(".") for name in NO_VIDEOS)
    write_video(folder / "new.mp4")
    assert arrivals(store, folder)[0] == 1


def test_a_download_that_is_a_folder_until_it_is_whole_does_not_count(
    store: Store, folder: Path
) -> None:
    (folder / "a.mp4.download").mkdir()
    write_video(folder / "a.mp4.download" / "a.mp4")
    assert arrivals(store, folder) == (0, {"unfinished download": 1})


def test_an_mp4_counts_when_it_is_whole(store: Store, folder: Path) -> None:
    """With its index in front it can be read, and is a video, from the first pictures on."""
    write_video(folder / "source.mp4", num_frames=200)
    ffmpeg("-i", folder / "source.mp4", "-c", "copy", "-movflags", "faststart", folder / "a.mp4")
    (folder / "source.mp4").unlink()
    data = (folder / "a.mp4").read_bytes()
    for share in (0.3, 0.9):
        (folder / "a.mp4").write_bytes(data[: int(len(data) * share)])
        assert arrivals(store, folder) == (0, {"incomplete file": 1})
    (folder / "a.mp4").write_bytes(data)
    assert arrivals(store, folder) == (1, {})


def test_links_that_lead_nowhere_hide_no_video(store: Store, folder: Path) -> None:
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "gone.mp4").symlink_to("nowhere.mp4")
    (folder / "deep" / "up").symlink_to("..")
    write_video(folder / "a.mp4")
    assert arrivals(store, folder) == (1, {"cannot be read": 3})


def test_a_known_video_that_was_touched_copied_or_renamed_is_known(
    store: Store, folder: Path
) -> None:
    for number, name in enumerate(("touched.mp4", "copied.mp4", "renamed.mp4", "rejected.mp4")):
        write_video(folder / name, num_frames=50 + number if name != "rejected.mp4" else 5)
    time.sleep(_SETTLED_SECONDS)
    finish(store, folder)
    assert arrivals(store, folder) == (0, {"known": 4})
    (folder / "touched.mp4").touch()
    (folder / "rejected.mp4").touch()
    shutil.copy(folder / "copied.mp4", folder / "deep" / "copy.mp4")
    (folder / "renamed.mp4").rename(folder / "name.mp4")
    assert arrivals(store, folder) == (0, {"known under another name or time": 4, "known": 1})
    time.sleep(_SETTLED_SECONDS)
    assert arrivals(store, folder) == (0, {"known under another name or time": 4, "known": 1})
    assert arrivals(store, folder) == (0, {"known": 5}), "what was read once more is on record"


def test_an_equally_long_file_of_another_content_is_new(store: Store, folder: Path) -> None:
    data = bytearray(write_video(folder / "a.mp4").read_bytes())
    finish(store, folder)
    data[-1] ^= 1
    (folder / "a.mp4").write_bytes(data)
    assert arrivals(store, folder)[0] == 1
    assert arrivals(store, folder)[0] == 1, "looking does not make it known"
    finish(store, folder)
    assert arrivals(store, folder)[0] == 0


def test_few_videos_wait_for_others_and_young_ones_until_they_stand_still(
    store: Store, folder: Path
) -> None:
    for number in range(3):
        write_video(folder / f"{number}.mp4", num_frames=40 + number)
    shards = list_shards(str(folder), CONFIG)
    for least, start in ((1, True), (3, True), (4, False)):
        config = replace(CONFIG, min_new_videos=least)
        found = find_arrivals(store, shards, config)
        assert (found.num_new, found.start(config)) == (3, start)
        assert ("does not start: 4 needed" in found.line(config)) != start
    quiet = replace(CONFIG, quiet_seconds=3600.0)
    found = find_arrivals(store, shards, quiet)
    assert (found.num_new, found.start(quiet)) == (0, False)
    assert found.line(quiet).startswith(
        "none of 3; not counted: 3 still arriving (ingest.quiet_seconds); the main job"
    )
    time.sleep(_SETTLED_SECONDS)
    (folder / "0.mp4").touch()
    assert arrivals(store, folder, replace(CONFIG, quiet_seconds=_SETTLED_SECONDS - 0.2))[0] == 2


@pytest.mark.parametrize("container", ["avi", "flv", "mkv", "mov", "mpg", "ts", "webm", "y4m"])
def test_videos_of_every_container_count(store: Store, folder: Path, container: str) -> None:
    source = write_video(folder / "source.mp4")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(source)]
    subprocess.run([*ffmpeg, str(folder / f"a.{container}")], check=True)
    (folder / f"a.{container}").rename(folder / "no ending")
    source.unlink()
    assert arrivals(store, folder) == (1, {})


@pytest.fixture
def s3() -> Iterator[fsspec.AbstractFileSystem]:
    with s3_files("videos") as files:
        yield files


def test_in_an_object_store_it_is_the_same(
    s3: fsspec.AbstractFileSystem, store: Store, folder: Path
) -> None:
    for name, make in NO_VIDEOS.items():
        make(folder / name)
    write_video(folder / "a.mp4")
    for path in filter(Path.is_file, folder.iterdir()):
        s3.pipe(f"videos/v/{path.name}", path.read_bytes())
    for marker in ("v/", "v_$folder$", "v/sub/", "v/sub_$folder$", "v/deep"):
        s3.call_s3("put_object", Bucket="videos", Key=marker, Body=b"")
    s3.pipe("videos/v/deep/b.mp4", write_video(folder / "b.mp4", num_frames=70).read_bytes())
    num_visible = sum(not name.startswith(".") for name in NO_VIDEOS)
    for videos in ("s3://videos/v", "s3://videos/v/", "s3://videos/v/**"):
        num_new, reasons = arrivals(store, videos)
        assert (num_new, sum(reasons.values())) == (2, num_visible), (
            "markers of folders are nothing at all"
        )
    finish(store, "s3://videos/v")
    assert arrivals(store, "s3://videos/v")[0] == 0
    s3.pipe("videos/v/a.mp4", (folder / "a.mp4").read_bytes())  # the same bytes at another time
    s3.pipe("videos/v/copy.mp4", (folder / "a.mp4").read_bytes())
    assert arrivals(store, "s3://videos/v")[0] == 0
    s3.pipe("videos/v/new.mp4", write_video(folder / "new.mp4", num_frames=80).read_bytes())
    assert arrivals(store, "s3://videos/v")[0] == 1
    assert arrivals(store, "s3://videos/v", replace(CONFIG, quiet_seconds=3600.0))[0] == 0


class _Faulty(SimpleHTTPRequestHandler):
    """Breaks off, says what is no HTTP, packs badly, or goes silent in the middle."""

    silence = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/no-http":
            self.wfile.write(b"\0\1\2\r\n\r\n")
            return
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"\0" * 1000)
            if self.path == "/silent":
                self.silence.wait()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_fails_costs_its_own_video(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    lines = [f"{url}{name}" for name in ("short", "no-http", "packed", "silent")]
    lines += ["http://:80/", "https://host:99999/a", f"http://{'a' * 300}/", "a.mp4"]
    (folder / "list").write_text("\n".join(lines))
    config = replace(CONFIG, list_roots=(*CONFIG.list_roots, url), video_timeout_seconds=10.0)
    try:
        assert arrivals(store, folder / "list", config) == (1, {"cannot be read": 6, "too slow": 1})
        for shard in list_shards(str(folder / "list"), config):
            rejected = read_rows(store, ingest_videos(store, shard, config).rejected, Rejection)
            assert Counter(row.reason for row in rejected) == {"cannot be read": 6, "too slow": 1}
    finally:
        _Faulty.silence.set()
        server.shutdown()
        server.server_close()


class _Reticent(SimpleHTTPRequestHandler):
    """Says nothing by which a change could be told."""

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified":
            super().send_header(keyword, value)

    def log_message(self, *_: object) -> None:
        pass


def test_on_the_web_contents_are_recognised_though_the_server_tells_no_times(
    store: Store, folder: Path
) -> None:
    for number in range(2):
        write_video(folder / f"{number}.mp4", num_frames=40 + number)
    (folder / "large.mp4").write_bytes(b"\xff" * (2**20 + 1))
    (folder / "list").write_text(
        "0.mp4\n1.mp4\nlarge.mp4\nmissing.mp4\nhttp://10.0.0.1/a.mp4\n../up.mp4\n"
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Reticent, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        videos, config = (
            f"http://127.0.0.1:{server.server_port}/list",
            replace(CONFIG, max_fetch_mib=1),
        )
        never = {"cannot be read": 1, "file too large to fetch": 1, "outside the given places": 2}
        assert arrivals(store, videos, config) == (2, never)
        finish(store, videos, config)
        assert arrivals(store, videos, config) == (
            0,
            never | {"known under another name or time": 2},
        )
        write_video(folder / "1.mp4", num_frames=60)
        assert arrivals(store, videos, config)[0] == 1
    finally:
        server.shutdown()
        server.server_close()
