"""Whether drawn samples can be shown, from frames that are those of the clips in the manifest.

ZIP's CRC-32 of every picture finds bytes that were changed, a missing directory finds a cut; counts
and sizes are compared with the clip's row; and the fingerprint, which ingest took of the frames
before it stored them, finds another clip's archive under this clip's name, however sound it is.
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from functools import cache

from tqdm import tqdm

from tasks.core.edits import donor_clip_ids
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.validate.findings import ManifestFinding
from tasks.video.fingerprint import fingerprint, fingerprint_distance
from tasks.video.frame_store import load_frames
from tasks.video.render import render_view

logger = logging.getLogger(__name__)

_MAX_DISTANCE = 0.1
"""Share of a fingerprint's bits that may differ. JPEG moves at most 0.8 % of them (2 % at quality
30), while two clips differ in at least 27 %: 24 real and 40 generated ones."""


def check_frames(
    store: Store, samples: Sequence[Sample], clips: Mapping[str, Clip]
) -> ManifestFinding:
    """Render every sample again; `clips` by clip id. One that cannot be shown stops the run."""

    @cache  # Samples share clips: an archive is read whole once.
    def flaw_of_clip(clip_id: str) -> str:
        return _flaw_of_clip(store, clips[clip_id])

    flaws: list[str] = []
    for sample in tqdm(samples, desc="render samples", unit="sample", leave=False):
        names = [
            name for view in sample.views for name in (view.clip_id, *donor_clip_ids(view.edits))
        ]
        flaw = next(filter(None, map(flaw_of_clip, names)), "") or _flaw_of_sample(
            store, sample, clips
        )
        if flaw:
            logger.warning("sample %s cannot be shown: %s", sample.sample_id, flaw)
            flaws.append(f"{sample.sample_id}: {flaw}")
    return ManifestFinding(
        manifest="samples",
        check=f"frames are those of the clips ({len(samples)} rows drawn and rendered again)",
        passed=not flaws,
        num_unexpected=len(flaws),
        example=flaws[0] if flaws else "",
    )


def _flaw_of_clip(store: Store, clip: Clip) -> str:
    """Why the stored frames are not those of the clip's row; empty if they are."""
    try:
        frames = load_frames(store, clip)
    except (ValueError, OSError) as error:
        return str(error)
    expected = (len(clip.timestamps_seconds), clip.height_px, clip.width_px, 3)
    if frames.shape != expected:
        return (
            f"{store.path(clip.frames_key)} holds frames {frames.shape}, the manifest says "
            f"{expected}"
        )
    if clip.fingerprint:
        distance = fingerprint_distance(fingerprint(frames), clip.fingerprint)
        if distance > _MAX_DISTANCE:
            return (
                f"{store.path(clip.frames_key)} holds frames of another video than "
                f"{clip.source!r}: {distance:.0%} of the fingerprint differ; delete that file and "
                "run again: it is made anew"
            )
    return ""


def _flaw_of_sample(store: Store, sample: Sample, clips: Mapping[str, Clip]) -> str:
    """Why its videos cannot be shown as its row says; empty if they can."""
    for number, view in enumerate(sample.views, 1):
        try:
            video = render_view(store, view, clips)
        except (ValueError, OSError) as error:
            return f"cannot be rendered: {error}"
        clip, times = clips[view.clip_id], video.timestamps_seconds
        expected = (view.stop_frame - view.start_frame, clip.height_px, clip.width_px, 3)
        if video.frames.shape != expected or len(times) != expected[0]:
            return (
                f"video {number} has frames {video.frames.shape} and {len(times)} times, "
                f"expected {expected}"
            )
        if any(later <= earlier for earlier, later in itertools.pairwise(times)):
            return f"the times of video {number} do not ascend"
    return ""
