"""Hypothesis strategies for the records of `tasks.core`."""

from hypothesis import strategies as st

from tasks.core.edits import DrawEdit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.core.types import Clip, Rollout, Sample, Split, View

_finite = st.floats(allow_nan=False, allow_infinity=False)
_counts = st.integers(0, 2**31)
# Parquet text is UTF-8: lone surrogates cannot be stored.
_text = st.text(st.characters(exclude_categories=["Cs"]))
_splits = st.sampled_from(Split)

edits = st.one_of(
    st.builds(
        SpanEdit,
        type=st.just("span"),
        kind=_text,
        start_frame=_counts,
        stop_frame=_counts,
        amount=_finite,
        seed=_counts,
    ),
    st.builds(
        ReplaceEdit,
        type=st.just("replace"),
        start_frame=_counts,
        stop_frame=_counts,
        donor_clip_id=_text,
        donor_start_frame=_counts,
    ),
    st.builds(
        ReorderEdit,
        type=st.just("reorder"),
        start_frame=_counts,
        order=st.lists(_counts).map(tuple),
    ),
    st.builds(
        DrawEdit,
        type=st.just("draw"),
        frame=_counts,
        centre_x=_finite,
        centre_y=_finite,
        size=_finite,
        angle_degrees=_finite,
        color=st.tuples(*[st.integers(0, 255)] * 3),
        opacity=_finite,
    ),
)
views = st.builds(
    View,
    clip_id=_text,
    start_frame=_counts,
    stop_frame=_counts,
    edits=st.lists(edits, max_size=3).map(tuple),
)
clips = st.builds(
    Clip,
    clip_id=_text,
    source=_text,
    sha256=_text,
    split=_splits,
    duration_seconds=_finite,
    source_fps=_finite,
    width_px=_counts,
    height_px=_counts,
    timestamps_seconds=st.lists(_finite).map(tuple),
    frames_key=_text,
    warnings=st.lists(_text).map(tuple),
    fingerprint=_text,
)
samples = st.builds(
    Sample,
    sample_id=_text,
    split=_splits,
    pretext=_text,
    kind=_text,
    level=_finite,
    views=st.lists(views, min_size=1, max_size=3).map(tuple),
    question=_text,
    answer=_text,
    seed=st.integers(0, 2**63 - 1),
)
rollouts = st.builds(
    Rollout,
    sample_id=_text,
    index=_counts,
    text=_text,
    reward=_finite,
    strict_reward=_finite,
    num_tokens=_counts,
)
