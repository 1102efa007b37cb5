"""The frames of a clip in the store: one ZIP archive of JPEG pictures, so that any range can be
read alone.

4:4:4, so that colours keep their edges; entries are stored (JPEG does not shrink further) with a
fixed date, so that equal frames give equal bytes; ZIP's CRC-32 finds damage. Frames are compressed
once, before any edit, and all frames of a clip with one quality, so that no frame looks different
for it.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tasks.core.checks import shown
from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.ingest_config import JPEG_QUALITY, MIN_JPEG_QUALITY
from tasks.core.store import Store
from tasks.core.types import Clip
from tasks.video.frames import Frame, Frames

_DAMAGE = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        Image.DecompressionBombError,
        EOFError,
        IndexError,
        KeyError,
    ),
    *(NotImplementedError, OSError, OverflowError, RuntimeError, SyntaxError),
)
"""What reading a damaged archive, or a damaged picture in it, raises besides ValueError."""
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MOST_QUOTED = 500
"""Characters of another library's error."""
_QUALITY_STEP = 5
_TABLES_BYTES = 623
"""What Pillow's baseline JPEG 4:4:4 has besides the coded picture, whatever its size."""


@dataclass(frozen=True)
class PackedClip:
    """A clip's archive, and the JPEG quality that its frames got."""

    data: bytes
    jpeg_quality: int


def pack_clip(frames: Frames, config: IngestConfig) -> PackedClip:
    """Frames (F, H, W, 3) with the highest quality that keeps to `max_bits_per_px`, or else the
    lowest allowed."""
    num_px = frames[..., 0].size
    # JPEG's tables come on top: they do not shrink with the picture, and small frames would pay for
    # them.
    most = config.max_bits_per_px * num_px / 8 + len(frames) * _TABLES_BYTES
    for quality in (*range(JPEG_QUALITY, MIN_JPEG_QUALITY, -_QUALITY_STEP), MIN_JPEG_QUALITY):
        pictures = [_to_jpeg(frame, quality) for frame in frames]
        if sum(map(len, pictures)) <= most:
            break
    return PackedClip(_archive(pictures), quality)


def pack_frames(frames: Frames, *, jpeg_quality: int) -> bytes:
    """Frames (F, H, W, 3) as the bytes of an archive."""
    return _archive([_to_jpeg(frame, jpeg_quality) for frame in frames])


def unpack_frames(data: bytes, start_frame: int = 0, stop_frame: int | None = None) -> Frames:
    """The frames [start_frame, stop_frame) of an archive; only these are decoded.

    Raises:
        ValueError: the archive is damaged or has no such frames.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            num_frames = len(archive.namelist())
            stop_frame = num_frames if stop_frame is None else stop_frame
            if not 0 <= start_frame < stop_frame <= num_frames:
                raise ValueError(
                    f"frames [{start_frame}, {stop_frame}) wanted from an archive of {num_frames}"
                )
            return np.stack(
                [_from_jpeg(archive.read(_name(index))) for index in range(start_frame, stop_frame)]
            )
    except _DAMAGE as error:
        raise ValueError(f"frame archive is damaged: {error}") from error


def load_frames(
    store: Store, clip: Clip, start_frame: int = 0, stop_frame: int | None = None
) -> Frames:
    """The stored frames [start_frame, stop_frame) of `clip`.

    Raises:
        InputError: the archive is missing or damaged.
    """
    try:
        return unpack_frames(store.read_bytes(clip.frames_key), start_frame, stop_frame)
    except (FileNotFoundError, ValueError) as error:
        # A damaged length makes zipfile quote half of the archive as the name of a picture.
        problem = f"{error}" if len(f"{error}") < _MOST_QUOTED else shown(f"{error}")
        raise InputError(
            f"frames of {clip.source!r} cannot be read from {store.path(clip.frames_key)}: "
            f"{problem}; delete that file if it exists and run again: it is made anew"
        ) from error


def _archive(pictures: Sequence[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for index, picture in enumerate(pictures):
            entry = zipfile.ZipInfo(_name(index), date_time=_DATE)
            # zipfile would name the system that it runs on, and equal frames would give other bytes
            # there.
            entry.create_system = _UNIX
            archive.writestr(entry, picture)
    return buffer.getvalue()


def _name(index: int) -> str:
    return f"{index:05d}.jpg"


def _to_jpeg(frame: Frame, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()


def _from_jpeg(data: bytes) -> Frame:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
