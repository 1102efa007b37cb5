"""Proofs from pixels accept what was planned and refuse what was tampered with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.config import PerturbConfig
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.plan import plan_item
from tasks.perturb.pretext import PRETEXTS
from tasks.video.edits import apply_edits
from tasks.video.frames import Frames
from tests.helpers.clips import make_clip, make_frames, store_clip
from tests.helpers.proof import Proof, Verdict, prove_answer, prove_stored

CONFIG = PerturbConfig(grounding_kinds=GROUNDING_KINDS, jigsaw_kinds=JIGSAW_KINDS)
CELLS = [(name, kind) for name in CONFIG.pretexts for kind in PRETEXTS[name].kinds(CONFIG)]
DONOR = make_clip("d", num_frames=16)
DONOR_FRAMES = make_frames(16, height_px=64, width_px=64, seed=5)
FRAMES = make_frames(16, height_px=128, width_px=96)
CLIP = replace(make_clip(num_frames=16), width_px=96, height_px=128)


def prove(sample: Sample, frames: Frames = FRAMES) -> Proof:
    shown = [
        apply_edits(
            frames[view.start_frame : view.stop_frame],
            view.edits,
            lambda _, a, b: DONOR_FRAMES[a:b],
        )
        for view in sample.views
    ]
    return prove_answer(sample, shown, frames, CLIP, [DONOR_FRAMES])


def planned(cell: tuple[str, str], level: float, seed: int) -> Sample:
    sample = plan_item(CLIP, cell[0], cell[1], level, 0, seed, [Donor.of(DONOR)])
    assert sample is not None
    return sample


@pytest.mark.slow
@settings(deadline=None)
@given(st.sampled_from(CELLS), st.floats(0, 1), st.integers(0, 2**32))
def test_every_planned_sample_is_proved(cell: tuple[str, str], level: float, seed: int) -> None:
    assert prove(planned(cell, level, seed)).verdict is Verdict.PROVED


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_what_is_rendered_from_the_store_is_proved(
    tmp_path: Path, cell: tuple[str, str], level: float
) -> None:
    store = Store(str(tmp_path))
    clips = {
        clip.clip_id: store_clip(store, clip, seed=seed) for seed, clip in enumerate((CLIP, DONOR))
    }
    assert prove_stored(store, planned(cell, level, 3), clips).verdict is Verdict.PROVED


@settings(deadline=None)
@given(st.sampled_from(CELLS), st.floats(0, 1), st.integers(0, 2**32), st.data())
def test_one_changed_digit_is_refused(
    cell: tuple[str, str], level: float, seed: int, data: st.DataObject
) -> None:
    sample = planned(cell, level, seed)
    place = data.draw(
        st.sampled_from([i for i, sign in enumerate(sample.answer) if sign.isdigit()])
    )
    digit = data.draw(
        st.sampled_from([sign for sign in "0123456789" if sign != sample.answer[place]])
    )
    tampered = replace(sample, answer=sample.answer[:place] + digit + sample.answer[place + 1 :])
    assert prove(tampered).verdict is Verdict.WRONG


@pytest.mark.parametrize("kind", [kind for kind in GROUNDING_KINDS if kind != "invert"])
def test_edit_of_another_kind_than_asked_for_is_refused(kind: str) -> None:
    other = "invert" if kind != "invert" else "mirror"
    assert prove(replace(planned(("grounding", other), 0.5, 1), kind=kind)).verdict is Verdict.WRONG


def test_frames_that_look_the_same_mirrored_are_undecidable() -> None:
    frames = np.concatenate([FRAMES[:, :, :48], FRAMES[:, :, 47::-1]], axis=2)
    assert prove(planned(("grounding", "mirror"), 0.5, 1), frames).verdict is Verdict.UNDECIDABLE


def test_jigsaw_of_a_still_video_is_undecidable() -> None:
    frames = np.repeat(FRAMES[:1], 16, axis=0)
    assert prove(planned(("jigsaw", "clips"), 0.5, 1), frames).verdict is Verdict.UNDECIDABLE


def test_letterboxed_video_zoomed_out_is_proved() -> None:
    frames = FRAMES.copy()
    frames[:, :20] = frames[:, -20:] = 3
    assert prove(planned(("grounding", "zoom_out"), 1.0, 1), frames).verdict is Verdict.PROVED


def test_unknown_pretext_task_or_kind_is_undecidable() -> None:
    sample = planned(("grounding", "mirror"), 0.5, 1)
    assert prove(replace(sample, pretext="sorting")).verdict is Verdict.UNDECIDABLE
    assert prove(replace(sample, kind="sparkle")).verdict is Verdict.UNDECIDABLE
