"""Raw videos -> three samples each, against a straightforward reference, on two cores.

The reference does what the paper's release does: decode a video, write its 48 frames as full-size
JPEGs, and for every sample read them, alter the frames and write the altered ones beside the
originals; once with Pillow's default quality (75) and once with OpenCV's (95), by two processes,
and once more as the plain loop that a script would have (OpenCV's decoder has threads of its own).
Ours ingests into the frame store and plans. Then both give every sample to the model once, at its
size: the reference reads its pictures and shrinks them, ours renders. `made` is up to the files on
disk,
`shown` with that.
"""

import importlib
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tasks.core.config import IngestConfig, PerturbConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.ingest.listing import list_shards
from tasks.ingest.shard import ingest_videos
from tasks.perturb.plan import plan_clip
from tasks.video.render import render_sample
from tasks.video.resize import choose_size
from tests.helpers.videos import SHARED_VIDEOS

ROUNDS = int(os.environ.get("ROUNDS", "3"))
NUM_PROCESSES = 2
NUM_FRAMES = 48


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the real clips")
def test_raw_videos_to_samples(tmp_path: Path) -> None:
    for library in (
        "cv2",
        "pandas",
    ):  # Loaded before the clock starts; pandas by pyarrow's first rows.
        importlib.import_module(library)
    videos = tmp_path / "videos"
    videos.mkdir()
    for path in SHARED_VIDEOS.iterdir():
        if path.is_file() and path.suffix != ".md":
            shutil.copy(path, videos / path.name)
    builders: dict[str, Callable[[Path, Path], Figures]] = {
        "ours": _ours,
        "reference, JPEG 75": partial(_reference, quality=75),
        "reference, JPEG 95": partial(_reference, quality=95),
        "reference, JPEG 95, a plain loop": partial(_reference, quality=95, num_processes=1),
    }
    figures: dict[str, list[Figures]] = {name: [] for name in builders}
    for number in range(ROUNDS):
        for name, build in builders.items():
            folder = tmp_path / f"{name}-{number}"
            folder.mkdir()
            figures[name].append(build(videos, folder))
            shutil.rmtree(folder)
    print(
        "\n| | samples | made, s | shown, s | MB | ours: made | shown | disk "
        "|\n|---|---|---|---|---|---|---|---|"
    )
    for name, rounds in figures.items():
        made, shown = (
            statistics.median(r.made for r in rounds),
            statistics.median(r.shown for r in rounds),
        )
        pairs = list(zip(rounds, figures["ours"], strict=True))
        faster = statistics.median(
            r.made / o.made * o.num_samples / r.num_samples for r, o in pairs
        )
        with_showing = statistics.median(
            r.shown / o.shown * o.num_samples / r.num_samples for r, o in pairs
        )
        disk = rounds[0].num_bytes / figures["ours"][0].num_bytes
        print(
            f"| {name} | {rounds[0].num_samples} | {made:.1f} | {shown:.1f} | "
            f"{rounds[0].num_bytes / 1e6:.1f} ",
            end="",
        )
        print(f"| {faster:.1f} | {with_showing:.1f} | 1/{disk:.1f} |")


class Figures(NamedTuple):
    """One way, once."""

    num_samples: int
    made: float
    """Seconds until all is on disk."""
    shown: float
    """Seconds until every sample was once in memory as the model gets it."""
    num_bytes: int


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _ours(videos: Path, folder: Path) -> Figures:
    start = time.perf_counter()
    store, config = Store(str(folder)), IngestConfig(num_workers=NUM_PROCESSES)
    (shard,) = list_shards(str(videos), config)
    clips = read_rows(store, ingest_videos(store, shard, config).clips.key, Clip)
    counts = (1, 1, 1)
    perturb = PerturbConfig(
        levels=(0.5,), train_samples_per_clip=counts, heldout_samples_per_clip=counts
    )
    samples = [(sample, clip) for clip in clips for sample in plan_clip(clip, perturb, seed=0)]
    write_rows(store, "samples.parquet", Sample, [sample for sample, _ in samples])
    made = time.perf_counter()
    with ProcessPoolExecutor(NUM_PROCESSES, get_context("fork")) as pool:
        num_samples = sum(
            pool.map(_render, repeat(str(folder)), *zip(*samples, strict=True), chunksize=8)
        )
    return Figures(num_samples, made - start, time.perf_counter() - start, _size(folder))


def _render(root: str, sample: Sample, clip: Clip) -> int:
    return bool(render_sample(Store(root), sample, {clip.clip_id: clip}))


def _reference(
    videos: Path, folder: Path, *, quality: int, num_processes: int = NUM_PROCESSES
) -> Figures:
    start, paths = time.perf_counter(), sorted(videos.iterdir())
    with ProcessPoolExecutor(num_processes, get_context("fork")) as pool:
        samples = [
            sample
            for own in pool.map(_make, paths, repeat(folder), repeat(quality))
            for sample in own
        ]
        made = time.perf_counter()
        num_samples = sum(pool.map(_show, samples, chunksize=8))
    return Figures(num_samples, made - start, time.perf_counter() - start, _size(folder))


def _show(sample: list[Path]) -> bool:
    frames = []
    for path in sample:
        picture = Image.open(path)
        width, height = choose_size(*picture.size, min_area_px=128**2, max_area_px=256**2)
        frames.append(np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC)))
    return bool(np.stack(frames).size)


def _make(path: Path, folder: Path, quality: int) -> list[list[Path]]:
    """The pictures of three samples; none if the video cannot be read."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = set(np.linspace(0.05 * count, 0.95 * count - 1, NUM_FRAMES).astype(int).tolist())
    frames, index = [], 0
    while len(frames) < NUM_FRAMES:
        is_read, frame = capture.read()
        if not is_read:
            return []
        if index in wanted:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        index += 1
    target = folder / path.stem
    target.mkdir()
    plain = [target / f"{number}.jpg" for number in range(NUM_FRAMES)]
    for picture, frame in zip(plain, frames, strict=True):
        Image.fromarray(frame).save(picture, quality=quality)
    turned = _altered(
        plain,
        "rotate",
        range(10, 22),
        lambda old: old.transpose(Image.Transpose.ROTATE_180),
        quality,
    )
    counted = _altered(plain, "count", (3, 14, 25, 36, 45), _with_shape, quality)
    return [turned, counted, _altered(plain, "jigsaw", (), _with_shape, quality)]


def _altered(
    plain: list[Path],
    name: str,
    places: Sequence[int],
    edit: Callable[[Image.Image], Image.Image],
    quality: int,
) -> list[Path]:
    """Every frame is read, the altered ones are written again."""
    sample = []
    for number, path in enumerate(plain):
        picture = Image.open(path)
        picture.load()
        if number in places:
            path = path.with_stem(f"{number}_{name}")
            edit(picture).save(path, quality=quality)
        sample.append(path)
    return sample


def _with_shape(picture: Image.Image) -> Image.Image:
    copy, side = picture.copy(), min(picture.size) // 3
    ImageDraw.Draw(copy).ellipse((side, side, 2 * side, 2 * side), fill=(200, 80, 120))
    return copy
