"""Contact sheets of held-out samples with the answers before and after, some for each pretext task."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from tasks.core.edits import DrawEdit, Edit, ReorderEdit
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split, View
from tasks.promote.evidence import Evidence
from tasks.video.contact_sheet import Row, contact_sheet
from tasks.video.render import ShownVideo, render_sample

logger = logging.getLogger(__name__)


def sample_pictures(store: Store, evidence: Evidence, num_per_pretext: int = 2) -> dict[str, bytes]:
    """PNG bytes by file name; a sample that cannot be rendered is left out with a warning."""
    clips = {clip.clip_id: clip for clip in evidence.clips}
    scored = {name: {row.sample_id: row for row in evidence.predictions[name]} for name in (BEFORE, AFTER)}
    pictures = {}
    for number, sample in enumerate(choose_samples(evidence.samples, num_per_pretext)):
        answers = {name: rows[sample.sample_id] for name, rows in scored.items() if sample.sample_id in rows}
        try:
            picture = _picture(store, sample, clips, answers)
        except (OSError, ValueError, KeyError) as error:
            logger.warning("the report leaves out sample %s: %s", sample.sample_id, error)
            continue
        pictures[f"samples/{number:02d}-{sample.pretext}-{sample.kind}.png"] = picture
    return pictures


def choose_samples(samples: Sequence[Sample], num_per_pretext: int) -> list[Sample]:
    """The same held-out samples each time, of different kinds as far as there are any."""
    heldout = [sample for sample in samples if sample.split == Split.HELDOUT]
    shuffled = sorted(heldout, key=lambda s: (s.pretext, uniform_hash("picture", s.sample_id)))
    chosen = []
    for _, group in groupby(shuffled, key=lambda s: s.pretext):
        members = list(group)
        first_of_kind = {sample.kind: sample for sample in reversed(members)}
        one_each = [sample for sample in members if first_of_kind[sample.kind] is sample]
        others = [sample for sample in members if first_of_kind[sample.kind] is not sample]
        chosen += (one_each + others)[:num_per_pretext]
    return chosen


def altered_frames(view: View) -> list[int]:
    """The frames of the shown video that an edit changes."""
    return sorted({frame for edit in view.edits for frame in _frames_of(edit)})


def _frames_of(edit: Edit) -> range:
    if isinstance(edit, DrawEdit):
        return range(edit.frame, edit.frame + 1)
    if isinstance(edit, ReorderEdit):
        return range(edit.start_frame, edit.start_frame + len(edit.order))
    return range(edit.start_frame, edit.stop_frame)


def _picture(store: Store, sample: Sample, clips: Mapping[str, Clip], answers: Mapping[str, SampleScore]) -> bytes:
    videos = render_sample(store, sample, clips)
    rows = [
        Row(
            frames=video.frames,
            marked=altered_frames(view),
            label=_label(video, f"video {position}" if len(videos) > 1 else ""),
        )
        for position, (video, view) in enumerate(zip(videos, sample.views, strict=True), start=1)
    ]
    return contact_sheet(rows, list(_captions(sample, answers)))


def _label(video: ShownVideo, name: str) -> str:
    length = f"{video.timestamps_seconds[-1]:.1f} s from first to last frame"
    return f"{name}  ·  {length}" if name else length


def _captions(sample: Sample, answers: Mapping[str, SampleScore]) -> Iterator[str]:
    yield f"{sample.pretext} · {sample.kind} · level {sample.level:g}"
    yield sample.question
    yield f"right answer: {sample.answer}"
    for name, row in answers.items():
        yield f"{name}: {' | '.join(row.answers) or row.failure}   (mean reward {row.score:.2f})"
