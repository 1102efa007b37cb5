"""Writes frames as an mp4 that browsers play: previews, exports and generated clips. Never training
data."""

import os
import shutil
import uuid
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from tasks.video.frames import Frames


def write_mp4(path: Path, frames: Frames, fps: float, *, quality: int = 18) -> None:
    """Write `frames` as H.264; the file is there whole or not at all. One thread, so that bytes
    repeat.

    `quality` is x264's constant rate factor: lower is better and larger, 18 looks lossless.

    Raises:
        ValueError: width or height is odd, which 4:2:0 video cannot have.
        RuntimeError: the encoder failed; carries its last words.
    """
    _, height, width, _ = frames.shape
    if width % 2 or height % 2:
        raise ValueError(f"width and height must be even for 4:2:0 video, got {width}x{height}")
    # A hidden name: who lists the folder meanwhile as videos passes over it.
    temporary = path.with_name(f".{path.stem}.tmp-{uuid.uuid4().hex}{path.suffix}")
    source = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps
    )
    # "file:" keeps a name with a colon from being read as a protocol.
    target = source.output(
        f"file:{temporary}",
        vcodec="libx264",
        pix_fmt="yuv420p",
        crf=quality,
        preset="veryfast",
        threads=1,
        # The index comes first, so that a browser plays before it has all of the file.
        movflags="+faststart",
        # Without it the file names the version of FFmpeg that wrote it.
        fflags="+bitexact",
        loglevel="error",
    )
    try:
        target.run(
            cmd=ffmpeg_binary(), input=frames.tobytes(), capture_stdout=True, capture_stderr=True
        )
        os.replace(temporary, path)
    except ffmpeg.Error as error:
        raise RuntimeError(
            f"ffmpeg could not write {path.name}: {error.stderr.decode(errors='replace')}"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def ffmpeg_binary() -> str:
    """The ffmpeg program on the PATH, or the one that comes with imageio-ffmpeg."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())
