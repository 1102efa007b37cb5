"""From a source file to the clip made of it: what ingest and import do alike.

Which version of a file was read, the clip's identity, and its frames packed with what is to be
known of them.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from tasks.core.config import IngestConfig
from tasks.core.types import Clip, Split
from tasks.video.fingerprint import fingerprint
from tasks.video.frame_store import pack_clip
from tasks.video.frames import Frames

# 64 bits: among a million clips two share an id with a chance of 3 in 100 million.
_CLIP_ID_DIGITS = 16
_SETTLED_NS = 2 * 10**9
"""FAT keeps times in steps of two seconds; all others are finer."""


@dataclass(frozen=True, kw_only=True)
class ClipFile:
    """The frames of a video, packed, and what is to be known of them; a worker hands it back."""

    data: bytes
    """See `tasks.video.frame_store`."""
    jpeg_quality: int
    height_px: int
    width_px: int
    duration_seconds: float
    source_fps: float
    timestamps_seconds: tuple[float, ...]
    """One for each frame."""
    warnings: tuple[str, ...]
    fingerprint: str

    def clip(
        self, *, sha256: str, source: str, split: Split, frames_key: str, is_verified: bool = False
    ) -> Clip:
        """The clip whose frames lie at `frames_key`; `sha256` is that of the content it shows."""
        return Clip(
            clip_id=sha256[:_CLIP_ID_DIGITS],
            source=source,
            sha256=sha256,
            split=split,
            duration_seconds=self.duration_seconds,
            source_fps=self.source_fps,
            width_px=self.width_px,
            height_px=self.height_px,
            timestamps_seconds=self.timestamps_seconds,
            frames_key=frames_key,
            warnings=self.warnings,
            fingerprint=self.fingerprint,
            jpeg_quality=self.jpeg_quality,
            is_verified=is_verified,
        )


def make_clip_file(
    frames: Frames,
    config: IngestConfig,
    *,
    timestamps_seconds: tuple[float, ...],
    duration_seconds: float,
    source_fps: float,
    warnings: tuple[str, ...],
) -> ClipFile:
    """Pack frames (F, H, W, 3), one for each of `timestamps_seconds`."""
    packed = pack_clip(frames, config)
    _, height, width, _ = frames.shape
    return ClipFile(
        data=packed.data,
        jpeg_quality=packed.jpeg_quality,
        height_px=height,
        width_px=width,
        duration_seconds=duration_seconds,
        source_fps=source_fps,
        timestamps_seconds=timestamps_seconds,
        warnings=warnings,
        fingerprint=fingerprint(frames),
    )


def file_version(path: Path) -> str:
    """Another one whenever the file was changed, as far as its record tells; see `is_settled`.

    Raises:
        OSError: it is not there.
    """
    stat = path.stat()
    # The time of change cannot be set back, unlike the time of modification.
    return f"{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"


def is_settled(path: Path) -> bool:
    """Whether the file last changed so long ago that one more change would show in its version.

    What is younger may change unnoticed, within the resolution of its times.

    Raises:
        OSError: it is not there.
    """
    return time.time_ns() - path.stat().st_ctime_ns >= _SETTLED_NS
