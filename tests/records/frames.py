"""Pixels: each edit on fixed frames, and whole samples through the frame store."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.helpers.clips import make_clip, make_frames, store_clip
from tests.records.product.data import (
    DrawEdit,
    Edit,
    PerturbConfig,
    ReorderEdit,
    ReplaceEdit,
    SpanEdit,
    Store,
    apply_edits,
    plan_samples,
    pretext_kinds,
    render,
)

_AMOUNTS = {
    "blur": (0.8, 3.3),
    "noise": (8.0, 60.0),
    "saturation": (1.3, 3.0),
    "zoom_in": (1.15, 1.9),
    "zoom_out": (1.15, 1.8),
}
_NUM_FRAMES, _START, _STOP = 8, 2, 6
_SHAPES = ("circle", "square", "triangle", "diamond", "bar")


def edits(seed: int, folder: Path) -> object:
    """Every edit alone, on square and on wide frames: digest, mean and how many bytes it
    changed."""
    return {
        shape: {name: _edited(frames, edit) for name, edit in _edits(seed)}
        for shape, frames in (
            ("square", make_frames(_NUM_FRAMES, seed=seed)),
            ("wide", make_frames(_NUM_FRAMES, height_px=48, width_px=80, seed=seed)),
        )
    }


def samples(seed: int, folder: Path) -> object:
    """Planned samples of each pretext task, kind and level as the model is shown them."""
    store = Store(str(folder))
    stored = [
        store_clip(store, make_clip(name, num_frames=16), seed=seed + place)
        for place, name in enumerate("ab")
    ]
    config = PerturbConfig(
        pretexts=("grounding", "counting", "jigsaw", "marks"),
        grounding_kinds=pretext_kinds("grounding"),
        jigsaw_kinds=pretext_kinds("jigsaw"),
        levels=(0.25, 1.0),
        train_samples_per_clip=(30, 2, 4, 2),
        heldout_samples_per_clip=(1, 1, 1, 1),
    )
    return {
        sample.sample_id: _shown(store, sample, stored)
        for sample in plan_samples(stored, config, seed)
    }


def _shown(store: Store, sample: object, stored: object) -> str:
    videos = render(store, sample, stored)
    times = [
        ", ".join(f"{seconds:.3f}" for seconds in video.timestamps_seconds[:2]) for video in videos
    ]
    return f"{len(videos)} videos from {times[0]}: {_digest(*(video.frames for video in videos))}"


def _edits(seed: int) -> Iterator[tuple[str, Edit]]:
    for kind in sorted(pretext_kinds("grounding")):
        if kind in ("shuffle", "other_video"):
            continue
        for amount in _AMOUNTS.get(kind, (0.0,)):
            edit = SpanEdit(
                kind=kind, start_frame=_START, stop_frame=_STOP, amount=amount, seed=seed + 5
            )
            yield f"{kind} {amount}" if amount else kind, edit
    yield "shuffle", ReorderEdit(start_frame=_START, order=(2, 0, 3, 1))
    yield (
        "other_video",
        ReplaceEdit(
            start_frame=_START, stop_frame=_STOP, donor_clip_id="x", donor_start_frame=seed
        ),
    )
    for place, shape in enumerate(_SHAPES):
        for opacity in (1.0, 0.35):
            yield (
                f"{shape} {opacity}",
                DrawEdit(
                    frame=3,
                    shape=shape,
                    centre_x=0.3 + 0.1 * place,
                    centre_y=0.55,
                    size=0.45,
                    angle_degrees=17.5 * (place + seed),
                    color=(250, 80 * seed, 80),
                    opacity=opacity,
                ),
            )


def _edited(frames: NDArray[np.uint8], edit: Edit) -> str:
    def donor(clip_id: str, start: int, stop: int) -> NDArray[np.uint8]:
        return make_frames(_NUM_FRAMES + 4, height_px=72, width_px=64, seed=9)[start:stop]

    found = apply_edits(frames, (edit,), donor)
    return (
        f"mean {found.mean():.4f}, {int((found != frames).sum())} bytes changed: {_digest(found)}"
    )


def _digest(*frames: NDArray[np.uint8]) -> str:
    total = hashlib.sha256()
    for part in frames:
        total.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:12]
