"""Contact sheets and videos of held-out samples with the answers before and after, some for each pretext task."""

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby

from tasks.core.choose import shuffled
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.types import Sample, Split
from tasks.promote.evidence import Evidence
from tasks.video.preview import preview_mp4, preview_name, preview_sheet

logger = logging.getLogger(__name__)


def sample_pictures(store: Store, evidence: Evidence, num_per_pretext: int = 2) -> dict[str, bytes]:
    """PNG bytes by file name; a sample that cannot be rendered is left out with a warning."""
    clips = {clip.clip_id: clip for clip in evidence.clips}
    scored = {name: {row.sample_id: row for row in evidence.predictions[name]} for name in (BEFORE, AFTER)}
    pictures = {}
    for number, sample in enumerate(choose_samples(evidence.samples, num_per_pretext)):
        answers = {name: rows[sample.sample_id] for name, rows in scored.items() if sample.sample_id in rows}
        try:
            picture = preview_sheet(store, sample, clips, _notes(answers))
        except (OSError, ValueError, KeyError) as error:
            logger.warning("the report leaves out sample %s: %s", sample.sample_id, error)
            continue
        pictures[f"samples/{preview_name(number, sample)}.png"] = picture
    return pictures


def sample_videos(store: Store, evidence: Evidence, most: int = 3, most_bytes: int = 750_000) -> dict[str, bytes]:
    """mp4 bytes by file name, one for each pretext task; one that fails or is too large for the report is left out."""
    clips = {clip.clip_id: clip for clip in evidence.clips}
    videos = {}
    for number, sample in enumerate(choose_samples(evidence.samples, 1)[:most]):
        try:
            video = preview_mp4(store, sample, clips)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            logger.warning("the report leaves out the video of sample %s: %s", sample.sample_id, error)
            continue
        if len(video) > most_bytes:
            logger.warning("the report leaves out the video of sample %s: %d bytes", sample.sample_id, len(video))
            continue
        videos[f"previews/{preview_name(number, sample)}.mp4"] = video
    return videos


def choose_samples(samples: Sequence[Sample], num_per_pretext: int) -> list[Sample]:
    """The same held-out samples each time, of different kinds as far as there are any."""
    heldout = [sample for sample in samples if sample.split == Split.HELDOUT]
    in_turn = sorted(shuffled(heldout, lambda s: s.sample_id, "picture"), key=lambda s: s.pretext)
    chosen = []
    for _, group in groupby(in_turn, key=lambda s: s.pretext):
        members = list(group)
        first_of_kind = {sample.kind: sample for sample in reversed(members)}
        one_each = [sample for sample in members if first_of_kind[sample.kind] is sample]
        others = [sample for sample in members if first_of_kind[sample.kind] is not sample]
        chosen += (one_each + others)[:num_per_pretext]
    return chosen


def _notes(answers: Mapping[str, SampleScore]) -> list[str]:
    return [
        f"{name}: {' | '.join(row.answers) or row.failure}   (mean reward {row.score:.2f})"
        for name, row in answers.items()
    ]
