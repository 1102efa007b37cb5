"""Manifests as flat pandas tables, with the derived columns that the expectations are about."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from rewards.schema import canonical_answer, read_schema
from tasks.core.edits import ReplaceEdit, donor_clip_ids
from tasks.core.types import Clip, Sample, Split, View

_BATCH_ROWS = 10_000


def clips_table(clips: Sequence[Clip]) -> pd.DataFrame:
    """One row a clip."""
    rows = []
    for clip in clips:
        times = clip.timestamps_seconds
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        rows.append(
            {
                "clip_id": clip.clip_id,
                "sha256": clip.sha256,
                "clip_id_of_sha256": clip.sha256[:16],
                "split": clip.split.value,
                "duration_seconds": clip.duration_seconds,
                "width_px": clip.width_px,
                "height_px": clip.height_px,
                "frames_key": clip.frames_key,
                "num_frames": len(times),
                "first_timestamp_seconds": times[0] if times else None,
                "smallest_step_seconds": min(steps, default=None),
            }
        )
    return pd.DataFrame(rows)


def samples_table(samples: Iterable[Sample], clips: Mapping[str, Clip]) -> pd.DataFrame:
    """One row a sample. Of an iterator, only one batch is held as samples."""
    iterator = iter(samples)
    parts = []
    while batch := list(itertools.islice(iterator, _BATCH_ROWS)):
        parts.append(pd.DataFrame([_flat(sample, clips) for sample in batch]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _flat(sample: Sample, clips: Mapping[str, Clip]) -> dict[str, object]:
    return {
        "sample_id": sample.sample_id,
        "split": sample.split.value,
        "pretext": sample.pretext,
        "kind": sample.kind,
        "level": sample.level,
        "question_chars": len(sample.question),
        "answer": sample.answer,
        "answer_kind": sample.answer_kind,
        "canonical_answer": canonical_answer(sample.answer, read_schema(sample.answer_kind)) or "",
        "num_views": len(sample.views),
        "views_fit": all(_view_fits(view, clips) for view in sample.views),
        "clips_split": _clips_split(sample, clips),
        "clips_split_allowed": (Split.TRAIN if sample.split is Split.TRAIN else Split.HELDOUT).value,
    }


def _view_fits(view: View, clips: Mapping[str, Clip]) -> bool:
    """Whether the frames of the view, and those that it borrows, are there."""
    lent = [
        (edit.donor_clip_id, edit.donor_start_frame, edit.donor_start_frame + edit.stop_frame - edit.start_frame)
        for edit in view.edits
        if isinstance(edit, ReplaceEdit)
    ]
    return all(
        clip_id in clips and 0 <= start_frame < stop_frame <= len(clips[clip_id].timestamps_seconds)
        for clip_id, start_frame, stop_frame in [(view.clip_id, view.start_frame, view.stop_frame), *lent]
    )


def _clips_split(sample: Sample, clips: Mapping[str, Clip]) -> str:
    """The split that all clips of the sample are in; says so if they differ or are not in the manifest."""
    ids = [clip_id for view in sample.views for clip_id in (view.clip_id, *donor_clip_ids(view.edits))]
    splits = {clips[clip_id].split.value if clip_id in clips else "unknown clip" for clip_id in ids}
    return " and ".join(sorted(splits))
