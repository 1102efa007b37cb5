from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.core.edits import SpanEdit
from tasks.core.store import Store
from tasks.core.types import View
from tasks.video.frame_store import load_frames
from tasks.video.render import render_view
from tests.helpers.clips import make_clip, store_clip


def test_whole_clip_keeps_its_timestamps_and_gets_its_edits(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip = store_clip(
        store, replace(make_clip(num_frames=4), timestamps_seconds=(0.0, 0.4, 1.5, 1.6))
    )
    edit = SpanEdit(kind="mirror", start_frame=1, stop_frame=2)
    shown = render_view(
        store,
        View(clip_id=clip.clip_id, start_frame=0, stop_frame=4, edits=(edit,)),
        {clip.clip_id: clip},
    )
    plain = load_frames(store, clip)
    assert shown.timestamps_seconds == (0.0, 0.4, 1.5, 1.6)
    assert np.array_equal(shown.frames[1], plain[1][:, ::-1])
    assert np.array_equal(shown.frames[[0, 2, 3]], plain[[0, 2, 3]])


def test_segments_of_an_uneven_clip_have_equal_timestamps(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip = store_clip(
        store, replace(make_clip(num_frames=4), timestamps_seconds=(0.0, 0.4, 1.5, 1.8))
    )
    views = [
        View(clip_id=clip.clip_id, start_frame=start, stop_frame=start + 2) for start in (0, 2)
    ]
    first, second = (render_view(store, view, {clip.clip_id: clip}) for view in views)
    assert first.timestamps_seconds == second.timestamps_seconds == (0.0, pytest.approx(0.6))
    assert np.array_equal(second.frames, load_frames(store, clip, 2, 4))


def test_view_of_an_unknown_clip_or_range_is_refused(tmp_path: Path) -> None:
    store, clip = Store(str(tmp_path)), make_clip(num_frames=4)
    with pytest.raises(ValueError, match="not among the 0 clips"):
        render_view(store, View(clip_id="nowhere", start_frame=0, stop_frame=2), {})
    with pytest.raises(ValueError, match="does not fit"):
        render_view(
            store, View(clip_id=clip.clip_id, start_frame=3, stop_frame=9), {clip.clip_id: clip}
        )
