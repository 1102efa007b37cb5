"""What `--videos` may be, and what it can never make us read."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.records import VideoShard
from tasks.core.store import Store
from tasks.core.types import Rejection
from tasks.ingest.listing import list_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.verdicts import Source, Verdict, find_verdict
from tests.helpers.judged import judge_here
from tests.helpers.videos import write_video

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)


@pytest.fixture
def web(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The folder as a web server that notes what is asked of it."""
    asked: list[str] = []

    class Noting(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(f"{self.command} {self.path}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Noting, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def listed(videos: str, config: IngestConfig = CONFIG) -> list[str]:
    return [name for shard in list_shards(videos, config) for name in shard.names]


def job(
    store: Store, shard: VideoShard, name: str, tmp_path: Path, config: IngestConfig = CONFIG
) -> Source:
    more = tuple(shard.more_roots)
    return Source(
        store=store,
        root=shard.root,
        name=name,
        config=config,
        scratch=str(tmp_path),
        more_roots=more,
    )


def judged(
    store: Store, videos: str, tmp_path: Path, config: IngestConfig = CONFIG
) -> dict[str, Verdict]:
    shards = list_shards(videos, config)
    return {
        name: judge_here(job(store, shard, name, tmp_path, config))
        for shard in shards
        for name in shard.names
    }


def rejection_of(verdict: Verdict) -> Rejection:
    assert verdict.rejection is not None
    return verdict.rejection


def test_a_glob_names_files_and_crosses_folders_with_two_stars(folder: Path) -> None:
    for name in ("a.mp4", "b.mkv", "deep/c.mp4", ".hidden.mp4"):
        (folder / name).touch()
    assert listed(f"{folder}/*.mp4") == ["a.mp4"]
    assert listed(f"{folder}/**/*.mp4") == ["a.mp4", "deep/c.mp4"]
    assert listed(f"{folder}/[ab].*") == ["a.mp4", "b.mkv"]
    with pytest.raises(InputError, match="no file matches"):
        listed(f"{folder}/*.avi")
    with pytest.raises(InputError, match="no folder"):
        listed(f"{folder}/none/*.avi")


def test_a_folder_may_have_the_signs_of_a_glob_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "takes [1]").mkdir()
    (tmp_path / "takes [1]" / "a.mp4").touch()
    assert listed(str(tmp_path / "takes [1]")) == ["a.mp4"]


@pytest.mark.slow
def test_one_video_is_an_input(store: Store, folder: Path, tmp_path: Path) -> None:
    write_video(folder / "a.mp4").rename(folder / "a b.txt")
    assert judged(store, str(folder / "a b.txt"), tmp_path)["a b.txt"].clip is not None
    assert judged(store, f"file://{folder}/a b.txt", tmp_path)["a b.txt"].clip is not None


@pytest.mark.slow
def test_a_list_names_files_beside_it(store: Store, folder: Path, tmp_path: Path) -> None:
    write_video(folder / "deep" / "Ж 1.mp4")
    (folder / "list").write_text(
        f"# mine\n\n  deep/Ж 1.mp4\r\n{folder}/deep/Ж 1.mp4\nnone.mp4\n", encoding="utf-8-sig"
    )
    verdicts = judged(store, str(folder / "list"), tmp_path)
    assert len(verdicts) == 3
    assert verdicts["deep/Ж 1.mp4"].clip is not None
    assert verdicts[f"{folder}/deep/Ж 1.mp4"].clip is not None
    assert rejection_of(verdicts["none.mp4"]).reason == Reason.UNREADABLE


@pytest.mark.slow
def test_a_list_cannot_lead_out(store: Store, folder: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "outside.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    lines = [
        "../outside.mp4",
        "link.mp4",
        str(tmp_path / "outside.mp4"),
        f"file://{tmp_path}/outside.mp4",
        f"FILE://{tmp_path}/outside.mp4",
        f"local://{tmp_path}/outside.mp4",
        f"simplecache::file://{tmp_path}/outside.mp4",
        f"https://host/a::file://{tmp_path}/outside.mp4",
        "https://host/../a.mp4",
        "https://host/%2e%2e/a.mp4",
        "memory://a.mp4",
    ]
    (folder / "list.txt").write_text("\n".join(lines))
    verdicts = judged(store, str(folder / "list.txt"), tmp_path)
    reasons = {name: rejection_of(verdict).reason for name, verdict in verdicts.items()}
    assert set(reasons) == set(lines)
    assert {name for name, reason in reasons.items() if reason != Reason.OUTSIDE} == {
        # no URI at all: a file of that name, which is not there
        f"simplecache::file://{tmp_path}/outside.mp4"
    }
    allowing = IngestConfig(**{**vars(CONFIG), "list_roots": (str(tmp_path),)})
    assert (
        judged(store, str(folder / "list.txt"), tmp_path, allowing)["../outside.mp4"].clip
        is not None
    )


def test_a_uri_is_allowed_below_a_root_and_not_beside_it(store: Store, tmp_path: Path) -> None:
    config = IngestConfig(
        **{**vars(CONFIG), "list_roots": ("https://good.example/videos", "s3://mine")}
    )
    (tmp_path / "list").write_text(
        "https://good.example/videos-of-others/a.mp4\nhttps://good.example.evil.example/videos/a.mp4\nhttps://good.example@evil.example/videos/a.mp4\ns3://mine-not/a.mp4\nhttp://good.example/videos/a.mp4\n"
    )
    verdicts = judged(store, str(tmp_path / "list"), tmp_path, config)
    assert {rejection_of(verdict).reason for verdict in verdicts.values()} == {Reason.OUTSIDE}
    assert len(verdicts) == 5


def test_useless_inputs_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty list").write_text("# nothing\n")
    cases = {
        str(tmp_path / "empty list"): "names no video",
        str(tmp_path / "none"): "nothing at",
        "nosuchscheme://a/b": "cannot be read",
        "http://127.0.0.1:9/a.mp4": "cannot be read",
        "memory://nothing-here": "holds no file",
    }
    for videos, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            list_shards(videos, CONFIG)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_video_on_the_web_is_fetched_once_and_leaves_nothing_behind(
    store: Store, folder: Path, tmp_path: Path, web: tuple[str, list[str]]
) -> None:
    url, asked = web
    write_video(folder / "a.mp4")
    (scratch := tmp_path / "scratch").mkdir()
    verdict = judged(store, f"{url}/a.mp4", scratch)[f"{url}/a.mp4"]
    assert verdict.clip is not None
    assert verdict.clip.source == f"{url}/a.mp4"
    assert list(scratch.iterdir()) == []
    asked.clear()
    (shard,) = [VideoShard(root=url, names=[f"{url}/a.mp4"])]
    assert find_verdict(job(store, shard, f"{url}/a.mp4", scratch)) is not None
    assert not [line for line in asked if line.startswith("GET")]
    # Another content under the same address is another video.
    write_video(folder / "a.mp4", num_frames=50)
    changed = judged(store, f"{url}/a.mp4", scratch)[f"{url}/a.mp4"].clip
    assert changed is not None
    assert changed.sha256 != verdict.clip.sha256


@pytest.mark.slow
def test_a_list_on_the_web_names_what_lies_beside_it(
    store: Store, folder: Path, tmp_path: Path, web: tuple[str, list[str]]
) -> None:
    url, _ = web
    write_video(folder / "deep" / "b.mp4")
    lines = [
        "deep/b.mp4",
        f"{url}/deep/b.mp4",
        "none.mp4",
        "/etc/hostname",
        "../up.mp4",
        "file:///etc/hostname",
    ]
    (folder / "list").write_text("\n".join(lines))
    verdicts = judged(store, f"{url}/list", tmp_path)
    reasons = {
        name: verdict.rejection.reason if verdict.rejection else None
        for name, verdict in verdicts.items()
    }
    assert reasons == {
        "deep/b.mp4": None,
        f"{url}/deep/b.mp4": None,
        "none.mp4": Reason.UNREADABLE,
        "/etc/hostname": Reason.UNREADABLE,  # a path on the server, where there is none
        "../up.mp4": Reason.OUTSIDE,
        "file:///etc/hostname": Reason.OUTSIDE,
    }


def test_what_is_larger_than_the_limit_is_not_fetched(
    store: Store, folder: Path, tmp_path: Path, web: tuple[str, list[str]]
) -> None:
    url, _ = web
    (folder / "large.mp4").write_bytes(b"\xff" * (2**20 + 1))
    config = IngestConfig(**{**vars(CONFIG), "max_fetch_mib": 1})
    (scratch := tmp_path / "scratch").mkdir()
    (verdict,) = judged(store, f"{url}/large.mp4", scratch, config).values()
    assert rejection_of(verdict).reason == Reason.FILE_TOO_LARGE
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_an_object_store_is_a_folder_a_glob_or_an_object(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    files = fsspec.filesystem("memory")
    files.pipe(
        {
            "/bucket/in/a.mp4": write_video(folder / "a.mp4").read_bytes(),
            "/bucket/in/deep/b.mp4": b"no video",
        }
    )
    files.pipe({"/bucket/in/.hidden/c.mp4": b"", "/bucket/out.mp4": b""})
    try:
        verdicts = judged(store, "memory://bucket/in", tmp_path)
        assert [name.rpartition("/")[2] for name in verdicts] == ["a.mp4", "b.mp4"]
        assert [verdict.clip is None for verdict in verdicts.values()] == [False, True]
        assert [name.rpartition("/")[2] for name in listed("memory://bucket/in/**/b*")] == ["b.mp4"]
        assert len(judged(store, "memory://bucket/in/a.mp4", tmp_path)) == 1
    finally:
        files.store.clear()
