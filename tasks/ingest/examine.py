"""One file -> clip or rejection. Finished verdicts are kept by content, so that no video is decoded twice.

The frames are written before the verdict: whoever finds a verdict finds the frames.
"""

import logging
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.reuse import find_output, keep_output
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.ingest.reasons import Reason
from tasks.video.decode import Footage, FrameChoice, decode_video
from tasks.video.errors import VideoError
from tasks.video.frame_store import pack_frames
from tasks.video.frames import Frames

_VERSION = 1
"""Raised when the same file and config give another outcome, so that kept verdicts are not reused."""
_CLIP_ID_DIGITS = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one file: a clip, or the reason why not."""

    clip: Clip | None = None
    rejection: Rejection | None = None
    is_reused: bool = False


def examine(store: Store, folder: Path, name: str, config: IngestConfig) -> Verdict:
    """The verdict on one file, from the store if its content is known. Never raises on a bad file."""
    try:
        path = _inside(folder, name)
        if path is None:
            return _rejected(name, Reason.OUTSIDE_FOLDER, "a link that leads out of the folder; copy the file instead")
        return _examine_content(store, path, name, config)
    except OSError as error:
        return _rejected(name, Reason.UNREADABLE, error.strerror or type(error).__name__)
    except Exception as error:  # One bad file must not end a run of thousands.
        logger.exception("%s: unexpected error", name)
        return _rejected(name, Reason.UNEXPECTED, f"{type(error).__name__}: {error}")


def split_of(sha256: str, *, heldout_share: float) -> Split:
    """By content alone, so a video keeps its side while others come and go."""
    return Split.HELDOUT if uniform_hash("split", sha256) < heldout_share else Split.TRAIN


def mean_motion(frames: Frames) -> float:
    """Mean absolute change between neighbouring frames, in grey levels of 255; 0 for a single frame."""
    changes = [np.abs(later.astype(np.int16) - earlier).mean() for earlier, later in pairwise(frames)]
    return float(np.mean(changes)) if changes else 0.0


def _inside(folder: Path, name: str) -> Path | None:
    root = folder.resolve(strict=True)
    path = (root / name).resolve(strict=True)
    return path if path.is_relative_to(root) else None


def _rejected(name: str, reason: Reason, detail: str) -> Verdict:
    return Verdict(rejection=Rejection(source=name, reason=reason, detail=detail))


def _examine_content(store: Store, path: Path, name: str, config: IngestConfig) -> Verdict:
    sha256 = sha256_of_file(path)
    digest = digest_of("ingest", _VERSION, sha256, asdict(_choice(config)), config.jpeg_quality, config.min_motion)
    known = find_output(store, f"ingested/{digest}", Verdict)
    if known and (known.clip is None or store.exists(known.clip.frames_key)):
        return _renamed(known, name, config)
    verdict = _decide(store, path, name, sha256, digest, config)
    return keep_output(store, f"ingested/{digest}", verdict)


def _renamed(known: Verdict, name: str, config: IngestConfig) -> Verdict:
    """The kept verdict under the file's present name and the present split."""
    if known.clip is None:
        assert known.rejection is not None
        return Verdict(rejection=replace(known.rejection, source=name), is_reused=True)
    split = split_of(known.clip.sha256, heldout_share=config.heldout_share)
    return Verdict(clip=replace(known.clip, source=name, split=split), is_reused=True)


def _decide(store: Store, path: Path, name: str, sha256: str, digest: str, config: IngestConfig) -> Verdict:
    if path.stat().st_size == 0:
        return _rejected(name, Reason.EMPTY_FILE, "0 bytes")
    try:
        footage = decode_video(path, _choice(config))
    except VideoError as error:
        return _rejected(name, Reason(error.problem.value), error.detail)
    motion = mean_motion(footage.frames)
    if motion < config.min_motion:
        detail = f"frames change by {motion:.3f} grey levels on average, at least {config.min_motion} needed"
        return _rejected(name, Reason.STATIC, detail)
    frames_key = f"frames/{digest}.zip"
    store.write_bytes(frames_key, pack_frames(footage.frames, jpeg_quality=config.jpeg_quality))
    split = split_of(sha256, heldout_share=config.heldout_share)
    return Verdict(clip=_clip(footage, source=name, sha256=sha256, split=split, frames_key=frames_key))


def _choice(config: IngestConfig) -> FrameChoice:
    return FrameChoice(
        num_frames=config.num_frames,
        edge_share=config.edge_share,
        min_area_px=config.min_area_px,
        max_area_px=config.max_area_px,
        max_damaged_share=config.max_damaged_share,
    )


def _clip(footage: Footage, *, source: str, sha256: str, split: Split, frames_key: str) -> Clip:
    _, height, width, _ = footage.frames.shape
    return Clip(
        clip_id=sha256[:_CLIP_ID_DIGITS],
        source=source,
        sha256=sha256,
        split=split,
        duration_seconds=footage.duration_seconds,
        source_fps=footage.source_fps,
        width_px=width,
        height_px=height,
        timestamps_seconds=footage.timestamps_seconds,
        frames_key=frames_key,
        warnings=footage.warnings,
    )
