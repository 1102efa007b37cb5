"""Ingest of 10, 100 and 1,000 generated clips: seconds and memory. The last row is NUM (1,000) clips."""

import os
import resource
import time
from pathlib import Path

from tasks.core.store import Store
from tasks.ingest.listing import list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.shard import ingest_videos
from tasks.video.generate import generate_clips
from workflows.presets import demo


def test_ingest_scaling(tmp_path: Path) -> None:
    most = int(os.environ.get("NUM", "1000"))
    config = demo().ingest
    print("\n| clips | seconds | a clip (ms) | unchanged again (s) | largest worker (MiB) | run itself (MiB) |")
    print("|---|---|---|---|---|---|")
    for number in sorted({10, 100, most}):
        folder, store = tmp_path / f"videos-{number}", Store(str(tmp_path / f"root-{number}"))
        generate_clips(folder, num_clips=number, seed=0)
        time.sleep(2.1)  # A file that changed a moment ago is read again.
        seconds = []
        for _ in range(2):
            start = time.monotonic()
            shards = [ingest_videos(store, shard, config) for shard in list_shards(str(folder), config)]
            clip_set = merge_shards(store, shards, config)
            seconds.append(time.monotonic() - start)
        worker, own = (
            resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
        )
        rejected = clip_set.report.counts["rejected"]
        cells = [f"{number} ({rejected:.0f} rejected)", f"{seconds[0]:.1f}", f"{1000 * seconds[0] / number:.0f}"]
        print(f"| {' | '.join([*cells, f'{seconds[1]:.1f}', f'{worker:.0f}', f'{own:.0f}'])} |", flush=True)
