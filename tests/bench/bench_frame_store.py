"""How to keep the frames of a clip: size, loss and time of the candidates, on the real clips.

Sizes are scaled to an area of 256x256, so that clips of other shapes compare. One thread, median
over clips.
"""

import io
import statistics
import time
import zipfile
from collections import Counter
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from tasks.core.config import IngestConfig
from tasks.core.ingest_config import JPEG_QUALITY, MIN_JPEG_QUALITY
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.frame_store import pack_clip, pack_frames, unpack_frames
from tasks.video.frames import Frames
from tests.helpers.videos import SHARED_VIDEOS

CONFIG = IngestConfig()
CHOICE = FrameChoice(
    num_frames=48, edge_share=0.05, min_area_px=128**2, max_area_px=256**2, max_damaged_share=0.02
)
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG 92 4:4:4": ("JPEG", {"quality": 92, "subsampling": "4:4:4"}),
    "JPEG 90 4:4:4": ("JPEG", {"quality": 90, "subsampling": "4:4:4"}),
    "JPEG 85 4:4:4": ("JPEG", {"quality": 85, "subsampling": "4:4:4"}),
    "JPEG 92 4:2:0": ("JPEG", {"quality": 92, "subsampling": "4:2:0"}),
    "WebP 90": ("WEBP", {"quality": 90, "method": 2}),
    "PNG": ("PNG", {"compress_level": 4}),
}


class Trial(NamedTuple):
    """One candidate on one clip."""

    megabytes: float
    encode_ms: float
    decode_ms: float
    psnr: float


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the real clips")
def test_frame_store_candidates() -> None:
    paths = sorted(
        path for path in SHARED_VIDEOS.iterdir() if path.is_file() and path.suffix != ".md"
    )
    clips = [decode_video(path, CHOICE).frames for path in paths]
    print(
        "\n| format | MB mean | MB max | above 1.2 MB | encode ms | read ms | PSNR mean | PSNR "
        "least |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, (kind, options) in CANDIDATES.items():
        trials = [measure(frames, kind, options) for frames in clips]
        _print_row(name, trials)
    archived = [measure_archive(frames) for frames in clips]
    _print_row(f"the store (JPEG {JPEG_QUALITY} to {MIN_JPEG_QUALITY})", archived)
    print(
        f"\nclips by quality: {Counter(pack_clip(frames, CONFIG).jpeg_quality for frames in clips)}"
    )
    one = [
        seconds_of(partial(unpack_frames, pack_frames(frames, jpeg_quality=90), 20, 28))
        for frames in clips
    ]
    print(f"\n8 of 48 frames alone: {1000 * statistics.median(one):.1f} ms")


def _print_row(name: str, trials: list[Trial]) -> None:
    sizes = [trial.megabytes for trial in trials]
    loss = [trial.psnr for trial in trials]
    print(
        f"| {name} | {statistics.fmean(sizes):.2f} | {max(sizes):.2f} | "
        f"{sum(size > 1.2 for size in sizes)} of {len(sizes)} | "
        f"{statistics.median(t.encode_ms for t in trials):.0f} | "
        f"{statistics.median(t.decode_ms for t in trials):.0f} | {statistics.fmean(loss):.1f} | "
        f"{min(loss):.1f} |"
    )


def measure(frames: Frames, kind: str, options: dict[str, Any]) -> Trial:
    start = time.perf_counter()
    pictures = [_encode(frame, kind, options) for frame in frames]
    middle = time.perf_counter()
    read = np.stack(
        [np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")) for picture in pictures]
    )
    end = time.perf_counter()
    return _trial(frames, read, sum(map(len, pictures)), middle - start, end - middle)


def measure_archive(frames: Frames) -> Trial:
    """With what ZIP adds: its table and the check of every picture's CRC-32."""
    start = time.perf_counter()
    data = pack_clip(frames, CONFIG).data
    middle = time.perf_counter()
    read = unpack_frames(data)
    end = time.perf_counter()
    assert zipfile.is_zipfile(io.BytesIO(data))
    return _trial(frames, read, len(data), middle - start, end - middle)


def seconds_of(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _trial(
    frames: Frames, read: Frames, num_bytes: int, encode_seconds: float, decode_seconds: float
) -> Trial:
    error = float(np.mean((frames.astype(np.float32) - read) ** 2))
    psnr = 10 * np.log10(255**2 / error) if error else 99.0
    area = frames.shape[1] * frames.shape[2]
    return Trial(
        num_bytes * 256**2 / area / 1e6, 1000 * encode_seconds, 1000 * decode_seconds, float(psnr)
    )


def _encode(frame: Frames, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, kind, **options)
    return buffer.getvalue()
