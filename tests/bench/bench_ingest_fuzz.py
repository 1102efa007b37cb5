"""Ingest on damaged videos: NUM (10,000) of them, through the workers. Prints verdicts, and what
was wrong in silence.

A clip is wrong if one of its frames is none of the original's, or not the one of that time. Bytes
exchanged inside a picture often leave a valid stream (see `LOSSES` in tests/helpers/fuzz.py): no
decoder notices, and here it is counted.
"""

import os
import time
from collections import Counter
from pathlib import Path

from tasks.core.records import VideoShard
from tasks.core.store import Store
from tasks.ingest.shard import judge_shard
from tasks.ingest.verdicts import Verdict
from tasks.video.frame_store import load_frames
from tests.helpers.fuzz import CONFIG, Source, damaged, make_sources, wrongs
from tests.helpers.videos import SHARED_VIDEOS


def test_ingest_fuzz(tmp_path: Path) -> None:
    number = int(os.environ.get("NUM", "10000"))
    sources = make_sources(tmp_path / "sources", SHARED_VIDEOS)
    folder = tmp_path / "videos"
    folder.mkdir()
    store = Store(str(tmp_path / "root"))
    made = []
    for item, (index, kind, data) in enumerate(damaged(sources, number, seed=0)):
        (folder / f"{item:05d}").write_bytes(data)
        made.append((sources[index], kind))
    start = time.monotonic()
    verdicts = judge_shard(
        store, VideoShard(root=str(folder), names=[f"{item:05d}" for item in range(number)]), CONFIG
    )
    print(
        f"\n{number} damaged videos in {time.monotonic() - start:.0f} s on {CONFIG.num_workers} "
        "workers"
    )
    outcomes = Counter(
        _outcome(store, verdict, source)
        for verdict, (source, _) in zip(verdicts, made, strict=True)
    )
    print("\n| verdict | videos |\n|---|---|")
    for outcome, count in sorted(outcomes.items()):
        print(f"| {outcome} | {count} |")
    kinds = sorted({kind for _, kind in made})
    print(
        "\nAccepted, and how many of them are wrong without a warning:\n\n| source | "
        f"{' | '.join(kinds)} |"
    )
    print(f"|---|{'---|' * len(kinds)}")
    for source in sources:
        cells = []
        for kind in kinds:
            own = [
                verdict
                for verdict, item in zip(verdicts, made, strict=True)
                if item[0] is source and item[1] == kind
            ]
            own = [verdict for verdict in own if verdict.clip]
            cells.append(
                f"{len(own)}, "
                f"{sum('without' in _outcome(store, verdict, source) for verdict in own)}"
            )
        print(f"| {source.name} | {' | '.join(cells)} |")


def _outcome(store: Store, verdict: Verdict, source: Source) -> str:
    if verdict.rejection:
        return f"rejected: {verdict.rejection.reason}"
    assert verdict.clip
    found = wrongs(verdict.clip, load_frames(store, verdict.clip), source)
    if not found:
        return "accepted, right" + (", with a warning" if verdict.clip.warnings else "")
    return f"accepted, wrong {found[0]}, " + (
        "with a warning" if verdict.clip.warnings else "without a warning"
    )
