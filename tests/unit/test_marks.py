from pathlib import Path

import numpy as np

from rewards.answers import AnswerKind, Permutation
from rewards.parse import parse_answer
from rewards.schema import read_schema, score
from rewards.verify import verify
from tasks.core.config import PerturbConfig
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.perturb.donors import ring_donors
from tasks.perturb.plan import check_config
from tasks.perturb.shard import plan_clips
from tasks.video.frame_store import load_frames
from tasks.video.render import render_sample
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.proof import Verdict, prove_answer

CONFIG = PerturbConfig(
    pretexts=("marks", "timed_marks"),
    train_samples_per_clip=(5, 5),
    heldout_samples_per_clip=(5, 5),
)
DISCS = {"red": (230, 30, 30), "green": (30, 200, 40)}


def plan_marks(store: Store, pretext: str = "marks") -> list[Sample]:
    check_config(CONFIG)
    clips = [store_clip(store, make_clip(num_frames=16))]
    planned = plan_clips(store, clips, CONFIG, 0, ring_donors(clips, clips, 0))[0]
    return [sample for sample in planned if sample.pretext == pretext]


def test_marks_are_off_by_default() -> None:
    assert not {"marks", "timed_marks"} & set(PerturbConfig().pretexts)


def test_marks_are_planned_rendered_and_verified_like_every_pretext_task(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip, samples = make_clip(num_frames=16), plan_marks(store)
    assert sorted(len(sample.answer) for sample in samples) == [2, 3, 4, 5, 6]
    for sample in samples:
        shown = render_sample(store, sample, {clip.clip_id: clip})[0]
        plain = load_frames(store, clip)
        changed = np.flatnonzero(np.any(shown.frames != plain, axis=(1, 2, 3)))
        assert len(changed) == len(sample.answer)
        answer = parse_answer(sample.answer, AnswerKind(sample.answer_kind))
        assert isinstance(answer, Permutation)
        assert verify(answer, answer) == 1.0
        assert verify(Permutation(answer.positions[::-1]), answer) < 1.0
        assert prove_answer(sample, [shown.frames], plain, clip).verdict is Verdict.UNDECIDABLE


def test_marks_appear_in_the_answered_order(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip, sample = make_clip(num_frames=16), next(s for s in plan_marks(store) if s.level == 0.0)
    frames = render_sample(store, sample, {clip.clip_id: clip})[0].frames
    first = [
        np.argmax(np.all(frames == color, axis=-1).any(axis=(1, 2))) for color in DISCS.values()
    ]
    assert sample.answer == "".join(str(number + 1) for number in np.argsort(first))


def test_timed_marks_lie_in_the_answered_part_and_are_rewarded_by_part(tmp_path: Path) -> None:
    store, clip = Store(str(tmp_path)), make_clip(num_frames=16)
    samples = plan_marks(store, "timed_marks")
    assert sorted(len(sample.views[0].edits) for sample in samples) == [2, 3, 4, 5, 6]
    for sample in samples:
        shown = render_sample(store, sample, {clip.clip_id: clip})[0]
        changed = np.flatnonzero(np.any(shown.frames != load_frames(store, clip), axis=(1, 2, 3)))
        order, when = sample.answer.split("; ")
        assert len(changed) == len(order)
        assert when == f"{changed[0] / 2:.1f}-{(changed[-1] + 1) / 2:.1f}"
        schema = read_schema(sample.answer_kind)
        half = score(f"{order}; 0.0-0.1", sample.answer, schema)
        assert half.parts == {
            "order": 1.0,
            "when": score("0.0-0.1", when, read_schema("interval")).total,
        }
        assert half.total == sum(half.parts.values()) / 2
        assert not score(order, sample.answer, schema).parsed
