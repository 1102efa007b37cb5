"""Ingest of 10, 100 and 1,000 (NUM) generated clips: seconds, and the most memory of a worker and
of the run itself."""

import os
import re
import time
from pathlib import Path

from tasks.core.store import Store
from tasks.ingest.listing import list_shards
from tasks.ingest.quality import FileJob, examine_file
from tasks.ingest.reasons import Flaw
from tasks.ingest.shard import judge_shard
from tasks.video.clip_file import ClipFile
from tasks.video.generate import generate_clips
from workflows.presets import demo


def test_ingest_scaling(tmp_path: Path) -> None:
    most = int(os.environ.get("NUM", "1000"))
    generate_clips(tmp_path / f"videos-{most}", num_clips=most, seed=0)
    print(
        "\n| clips | seconds | a clip (ms) | unchanged again (s) | largest worker (MiB) | run "
        "itself (MiB) |"
    )
    print("|---|---|---|---|---|---|")
    for number in sorted({10, 100, most}):
        folder, store = tmp_path / f"videos-{number}", Store(str(tmp_path / f"root-{number}"))
        folder.mkdir(exist_ok=True)
        for path in sorted((tmp_path / f"videos-{most}").iterdir())[:number]:
            if number < most:
                (folder / path.name).write_bytes(path.read_bytes())
        time.sleep(2.1)  # A file that changed a moment ago is read again.
        first, second = _seconds(store, folder), _seconds(store, folder)
        worker = (
            max(int(path.read_text()) for path in (tmp_path / f"videos-{number}-peaks").iterdir())
            / 1024
        )
        cells = [number, f"{first:.1f}", f"{1000 * first / number:.0f}", f"{second:.1f}"]
        print(
            f"| {' | '.join(map(str, cells))} | {worker:.0f} | {_peak_kib() / 1024:.0f} |",
            flush=True,
        )


def look_and_note_peak(job: FileJob) -> ClipFile | Flaw:
    found = examine_file(job)
    peaks = job.path.parent.with_name(f"{job.path.parent.name}-peaks")
    peaks.mkdir(exist_ok=True)
    (peaks / str(os.getpid())).write_text(str(_peak_kib()))
    return found


def _seconds(store: Store, folder: Path) -> float:
    config = demo().ingest
    start = time.monotonic()
    shards = list_shards(str(folder), config)
    verdicts = [
        verdict
        for shard in shards
        for verdict in judge_shard(store, shard, config, look_and_note_peak)
    ]
    assert all(verdict.clip for verdict in verdicts)
    return time.monotonic() - start


def _peak_kib() -> int:
    """Of this process since it began; what getrusage says of a child includes its parent's size at
    the start."""
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found.group(1))
