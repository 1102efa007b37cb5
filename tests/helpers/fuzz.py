"""Damaged videos and what is known of their originals: does ingest ever hand out wrong pictures in
silence?"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.core.config import IngestConfig
from tasks.core.seeding import generator
from tasks.core.types import Clip
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.encode import ffmpeg_binary, write_mp4
from tasks.video.errors import VideoError
from tasks.video.frames import Frames
from tasks.video.generate import generate_frames

CONFIG = IngestConfig(
    num_frames=16,
    min_area_px=32 * 32,
    max_area_px=64 * 64,
    num_workers=2,
    video_timeout_seconds=20.0,
    max_bits_per_px=24.0,  # Or the store's own loss passes for damage.
)
TOLERANCE = 6.0
"""Mean difference in grey levels from which a frame is another picture; storing it as JPEG costs up
to four."""
_FORMATS = {
    "h264.mp4": ["-c:v", "libx264", "-g", "12"],
    "h264.mkv": ["-c:v", "libx264", "-g", "30", "-bf", "0"],
    "hevc.mp4": ["-c:v", "libx265", "-x265-params", "log-level=none:pools=1:frame-threads=1"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-q:v", "4"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-q:v", "4"],
    "vp8.webm": ["-c:v", "libvpx", "-b:v", "400k"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-b:v", "300k", "-cpu-used", "8"],
    "mjpeg.mov": ["-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p", "-strict", "unofficial"],
    "wmv2.wmv": ["-c:v", "wmv2", "-b:v", "400k"],
    "flv1.flv": ["-c:v", "flv1", "-q:v", "4"],
}
LOSSES = ("cut off", "piece cut out")
"""Damage that takes bytes away. Among other bits in their place a decoder often finds a picture,
and cannot know that it is another one: H.264 with CABAC, HEVC, VP8 and VP9 have no checksum, and
almost any bits are a valid stream."""
_LIVELY = (
    "butterfly.mp4",
    "city-crosswalk.mp4",
    "cups-shuffle.mp4",
    "football-juggle.mp4",
    "toy-rabbit-turnaround.mp4",
)


@dataclass(frozen=True)
class Source:
    """An undamaged small video."""

    name: str
    data: bytes
    frames: Frames
    """All of them, at the size at which they are stored."""
    times: NDArray[np.float64]
    """From the first frame, in seconds."""


def make_sources(folder: Path, videos: Path | None = None) -> list[Source]:
    """Scaled down parts of real videos, or else of generated ones, in several codecs and
    containers."""
    folder.mkdir(exist_ok=True)
    starts = [videos / name for name in _LIVELY] if videos and videos.exists() else []
    if not starts:
        (scenes := folder.with_name(f"{folder.name}-scenes")).mkdir()
        starts = [scenes / f"{index}.mp4" for index in range(3)]
        for index, path in enumerate(starts):
            write_mp4(path, generate_frames(seed=9, index=index), 18.0)
    return [_make(folder, starts[at % len(starts)], name) for at, name in enumerate(_FORMATS)]


def damaged(
    sources: list[Source], number: int, seed: int, kinds: Sequence[str] = ()
) -> Iterator[tuple[int, str, bytes]]:
    """(index of the source, what was done, bytes): the same for the same arguments."""
    kinds = kinds or list(_DAMAGES)
    for item in range(number):
        rng = generator(seed, "fuzz", item)
        index = int(rng.integers(len(sources)))
        kind = kinds[int(rng.integers(len(kinds)))]
        other = sources[int(rng.integers(len(sources)))].data
        yield index, kind, bytes(_DAMAGES[kind](bytearray(sources[index].data), other, rng))


def wrongs(clip: Clip, frames: Frames, source: Source) -> list[str]:
    """What is wrong with an accepted clip: `picture` if a frame is none of the original's, `time`
    if another's."""
    if frames.shape[1:] != source.frames.shape[1:]:
        return ["picture"]
    stack = source.frames.reshape(len(source.frames), -1).astype(np.int16)
    gaps = np.array(
        [np.abs(stack - frame.reshape(-1).astype(np.int16)).mean(axis=1) for frame in frames]
    )
    found = ["picture"] if gaps.min(axis=1).max() > TOLERANCE else []
    # The clip's times start at its first frame: whichever frame of the original that is, the others
    # must follow.
    step = float(np.median(np.diff(source.times)))
    stamps = np.array(clip.timestamps_seconds)
    fits = [
        gaps[
            np.arange(len(stamps)),
            np.abs(source.times[None] - (start + stamps)[:, None]).argmin(axis=1),
        ].max()
        for start in source.times[source.times + stamps[-1] <= source.times[-1] + step]
    ]
    if not found and (not fits or min(fits) > TOLERANCE):
        found.append("time")
    return found


def _make(folder: Path, start: Path, name: str) -> Source:
    path = folder / name
    cut = [
        "-ss",
        "1",
        "-t",
        "2.6",
        "-an",
        "-sn",
        "-map",
        "0:v:0",
        "-vf",
        "fps=15,scale=96:64,setsar=1",
    ]
    command = [ffmpeg_binary(), "-y", "-loglevel", "error", "-i", str(start), *cut, "-threads", "1"]
    subprocess.run([*command, *_FORMATS[name], str(path)], check=True)
    return Source(name, path.read_bytes(), *_all_frames(path))


def _all_frames(path: Path) -> tuple[Frames, NDArray[np.float64]]:
    areas = {"min_area_px": CONFIG.min_area_px, "max_area_px": CONFIG.max_area_px}
    for number in range(60, 15, -1):
        try:
            footage = decode_video(
                path, FrameChoice(num_frames=number, edge_share=0.0, max_damaged_share=0.0, **areas)
            )
        except VideoError:
            continue
        return footage.frames, np.array(footage.timestamps_seconds)
    raise AssertionError(path)


def _flip(data: bytearray, _: bytes, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, len(data), int(2 ** rng.uniform(0, 7))):
        data[place] ^= int(rng.integers(1, 256))
    return data


def _flip_head(data: bytearray, _: bytes, rng: np.random.Generator) -> bytearray:
    """In the first or the last kilobyte, where containers keep their tables."""
    for place in rng.integers(0, 1024, int(2 ** rng.uniform(0, 5))):
        data[int(place) if rng.random() < 0.5 else -int(place) - 1] ^= int(rng.integers(1, 256))
    return data


def _cut(data: bytearray, _: bytes, rng: np.random.Generator) -> bytearray:
    return data[: int(rng.integers(0, len(data)))]


def _cut_out(data: bytearray, _: bytes, rng: np.random.Generator) -> bytearray:
    start = int(rng.integers(0, len(data)))
    del data[start : start + int(2 ** rng.uniform(0, 12))]
    return data


def _splice(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    start, source, length = (
        rng.integers(0, len(data)),
        rng.integers(0, len(other)),
        int(2 ** rng.uniform(2, 13)),
    )
    data[start : start + length] = other[source : source + length]
    return data


def _blank(data: bytearray, _: bytes, rng: np.random.Generator) -> bytearray:
    start, length = int(rng.integers(0, len(data))), int(2 ** rng.uniform(2, 12))
    data[start : start + length] = bytes(len(data[start : start + length]))
    return data


_DAMAGES = {
    "bytes flipped": _flip,
    "bytes flipped in the tables": _flip_head,
    "cut off": _cut,
    "piece cut out": _cut_out,
    "piece of another file": _splice,
    "piece zeroed": _blank,
}
