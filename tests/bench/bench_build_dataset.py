"""Raw videos -> three samples each, against a straightforward reference, on two processes each.

The reference does what the paper's release does: decode a video, write its 48 frames as full-size JPEGs, and for every
sample read them, alter the frames and write the altered ones beside the originals. Ours ingests into the frame store,
plans, and renders every sample once in memory.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tasks.core.config import IngestConfig, PerturbConfig
from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.ingest.listing import list_shards
from tasks.ingest.shard import ingest_videos
from tasks.perturb.plan import plan_clip
from tasks.video.render import render_sample
from tests.helpers.videos import SHARED_VIDEOS

ROUNDS = int(os.environ.get("ROUNDS", "3"))
NUM_PROCESSES = 2
NUM_FRAMES = 48


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the real clips")
def test_raw_videos_to_samples(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for path in SHARED_VIDEOS.iterdir():
        if path.is_file() and path.suffix != ".md":
            shutil.copy(path, videos / path.name)
    figures: dict[str, list[tuple[float, int, int]]] = {"reference": [], "ours": []}
    for number in range(ROUNDS):
        figures["reference"].append(_timed(_reference, videos, tmp_path / f"reference-{number}"))
        figures["ours"].append(_timed(_ours, videos, tmp_path / f"ours-{number}"))
    print("\n| | samples | seconds (median) | samples a second | MB on disk |\n|---|---|---|---|---|")
    for name, rounds in figures.items():
        seconds, samples, size = statistics.median(r[0] for r in rounds), rounds[0][1], rounds[0][2]
        print(f"| {name} | {samples} | {seconds:.1f} | {samples / seconds:.1f} | {size / 1e6:.1f} |")
    ratios = [r[0] / o[0] * o[1] / r[1] for r, o in zip(figures["reference"], figures["ours"], strict=True)]
    disk = figures["reference"][0][2] / figures["ours"][0][2]
    print(f"\nthroughput: {statistics.median(ratios):.1f} times ({', '.join(f'{r:.1f}' for r in ratios)}); ", end="")
    print(f"disk: 1/{disk:.1f}")


def _timed(build: Callable[[Path, Path], int], videos: Path, folder: Path) -> tuple[float, int, int]:
    folder.mkdir()
    start = time.perf_counter()
    num_samples = build(videos, folder)
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    return seconds, num_samples, size


def _ours(videos: Path, folder: Path) -> int:
    store, config = Store(str(folder)), IngestConfig(num_workers=NUM_PROCESSES)
    (shard,) = list_shards(str(videos), config)
    clips = read_rows(store, ingest_videos(store, shard, config).clips.key, Clip)
    counts = (1, 1, 1)
    perturb = PerturbConfig(levels=(0.5,), train_samples_per_clip=counts, heldout_samples_per_clip=counts)
    samples = [(sample, clip) for clip in clips for sample in plan_clip(clip, perturb, seed=0)]
    with ProcessPoolExecutor(NUM_PROCESSES, get_context("fork")) as pool:
        return sum(pool.map(_render, repeat(str(folder)), *zip(*samples, strict=True), chunksize=8))


def _render(root: str, sample: Sample, clip: Clip) -> int:
    return bool(render_sample(Store(root), sample, {clip.clip_id: clip}))


def _reference(videos: Path, folder: Path) -> int:
    paths = sorted(videos.iterdir())
    with ProcessPoolExecutor(NUM_PROCESSES, get_context("fork")) as pool:
        return sum(pool.map(_reference_video, paths, repeat(folder)))


def _reference_video(path: Path, folder: Path) -> int:
    import cv2

    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = set(np.linspace(0.05 * count, 0.95 * count - 1, NUM_FRAMES).astype(int).tolist())
    frames, index = [], 0
    while len(frames) < NUM_FRAMES:
        is_read, frame = capture.read()
        if not is_read:
            return 0
        if index in wanted:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        index += 1
    target = folder / path.stem
    target.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(target / f"{number}.jpg")
    _alter(target, "rotate", range(10, 22), lambda picture: picture.transpose(Image.Transpose.ROTATE_180))
    _alter(target, "count", (3, 14, 25, 36, 45), _with_shape)
    return 2 + len([Image.open(target / f"{number}.jpg").load() for number in range(NUM_FRAMES)]) // NUM_FRAMES


def _alter(folder: Path, name: str, altered: object, edit: Callable[[Image.Image], Image.Image]) -> None:
    """Every frame is read, the altered ones are written again."""
    for number in range(NUM_FRAMES):
        picture = Image.open(folder / f"{number}.jpg")
        picture.load()
        if number in altered:  # type: ignore[operator]
            edit(picture).save(folder / f"{number}_{name}.jpg")


def _with_shape(picture: Image.Image) -> Image.Image:
    copy, side = picture.copy(), min(picture.size) // 3
    ImageDraw.Draw(copy).ellipse((side, side, 2 * side, 2 * side), fill=(200, 80, 120))
    return copy
