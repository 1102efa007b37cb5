from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.records import VideoShard
from tasks.core.store import Store
from tasks.ingest.reasons import Reason
from tasks.ingest.shard import judge_shard
from tasks.ingest.verdicts import Verdict
from tasks.video.frame_store import load_frames
from tests.helpers.fuzz import CONFIG, LOSSES, damaged, make_sources, wrongs

pytestmark = pytest.mark.slow

OURS = {Reason.UNEXPECTED, Reason.CRASHED, Reason.TOO_SLOW, Reason.TOO_MUCH_MEMORY}


def judge_all(folder: Path, items: list[tuple[int, str, bytes]]) -> tuple[Store, list[Verdict]]:
    (folder / "videos").mkdir()
    names = [f"{number:03d}" for number in range(len(items))]
    for name, (_, _, data) in zip(names, items, strict=True):
        (folder / "videos" / name).write_bytes(data)
    store = Store(str(folder / "root"))
    return store, judge_shard(store, VideoShard(root=str(folder / "videos"), names=names), CONFIG)


def test_no_damage_ends_the_run_and_every_video_has_a_verdict(tmp_path: Path) -> None:
    items = list(damaged(make_sources(tmp_path / "sources"), 150, seed=1))
    _, verdicts = judge_all(tmp_path, items)
    reasons = Counter(verdict.rejection.reason for verdict in verdicts if verdict.rejection)
    assert reasons.total() + sum(verdict.clip is not None for verdict in verdicts) == 150
    assert not reasons.keys() & OURS
    assert len(reasons) > 3


def test_what_is_lost_is_never_made_up_in_silence(tmp_path: Path) -> None:
    # WMV is left out: FFmpeg joins what stands before and after a hole in ASF without a word.
    sources = [source for source in make_sources(tmp_path / "sources") if source.name != "wmv2.wmv"]
    items = list(damaged(sources, 150, seed=2, kinds=LOSSES))
    store, verdicts = judge_all(tmp_path, items)
    clips = [
        (verdict.clip, item) for verdict, item in zip(verdicts, items, strict=True) if verdict.clip
    ]
    assert len(clips) > 20
    silent = [(clip, item) for clip, item in clips if not clip.warnings]
    assert [
        (clip.source, sources[index].name, kind)
        for clip, (index, kind, _) in silent
        if wrongs(clip, load_frames(store, clip), sources[index])
    ] == []


def test_undamaged_sources_are_accepted_and_right(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "sources")
    names = [source.name for source in sources]
    store = Store(str(tmp_path / "root"))
    shard = VideoShard(root=str(tmp_path / "sources"), names=names)
    verdicts = judge_shard(store, shard, replace(CONFIG, num_workers=1))
    for source, verdict in zip(sources, verdicts, strict=True):
        assert verdict.clip is not None, source.name
        assert wrongs(verdict.clip, load_frames(store, verdict.clip), source) == []
