"""Only the pixels of the altered span tell the answer: nothing around them does, and a constant
guess earns chance."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rewards.answers import AnswerKind, Counts, Interval, Permutation
from rewards.parse import parse_answer
from rewards.schema import SEPARATOR
from rewards.verify import verify
from tasks.core.config import PerturbConfig
from tasks.core.edits import DrawEdit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import grounding_difficulty
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.pretext import PRETEXTS
from tasks.video.frame_store import load_frames
from tasks.video.render import ShownVideo, render_sample
from tests.helpers.clips import make_clip, store_clip

CONFIG = PerturbConfig(grounding_kinds=GROUNDING_KINDS, jigsaw_kinds=JIGSAW_KINDS)
CELLS = [(name, kind) for name, task in PRETEXTS.items() for kind in task.kinds(CONFIG)]
UNEVEN = tuple(
    np.cumsum([0.0, *np.random.default_rng(0).choice([0.2, 0.5, 0.9], 15)]).round(3).tolist()
)
CLIP = replace(make_clip("c", num_frames=16), timestamps_seconds=UNEVEN)
DONOR = make_clip("d", num_frames=16, side_px=32)
NUM_PLANS = 2000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("leaks")))
    for clip in (CLIP, DONOR):
        store_clip(store, clip)
    return store


def plan(
    cell: tuple[str, str], level: float, rng: np.random.Generator, clip: Clip = CLIP
) -> Sample:
    return PRETEXTS[cell[0]].plan(clip, cell[1], level, rng, [Donor.of(DONOR)])


def edited_frames(sample: Sample) -> set[int]:
    frames: set[int] = set()
    for edit in sample.views[0].edits:
        match edit:
            case DrawEdit():
                frames.add(edit.frame)
            case ReorderEdit():
                frames.update(range(edit.start_frame, edit.start_frame + len(edit.order)))
            case SpanEdit() | ReplaceEdit():
                frames.update(range(edit.start_frame, edit.stop_frame))
    return frames


def envelope(videos: tuple[ShownVideo, ...]) -> list[object]:
    """All that is shown besides pixels."""
    return [
        (video.timestamps_seconds, video.frames.shape, str(video.frames.dtype)) for video in videos
    ]


@pytest.mark.slow
@settings(max_examples=60)
@given(st.sampled_from(CELLS), st.floats(0, 1), st.integers(0, 2**32))
def test_nothing_but_pixels_depends_on_the_answer(
    store: Store, cell: tuple[str, str], level: float, seed: int
) -> None:
    clips = {clip.clip_id: clip for clip in (CLIP, DONOR)}
    one, other = (plan(cell, level, np.random.default_rng(seed + i)) for i in range(2))
    assert envelope(render_sample(store, one, clips)) == envelope(
        render_sample(store, other, clips)
    )
    assert (one.sample_id, one.question, len(one.views)) == (
        other.sample_id,
        other.question,
        len(other.views),
    )
    for video in render_sample(store, one, clips):
        assert list(video.timestamps_seconds) == sorted(set(video.timestamps_seconds))


@settings(max_examples=60)
@given(
    st.sampled_from([cell for cell in CELLS if cell[0] != "jigsaw"]),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_frames_outside_the_edits_are_the_stored_ones_bit_for_bit(
    store: Store, cell: tuple[str, str], level: float, seed: int
) -> None:
    sample = plan(cell, level, np.random.default_rng(seed))
    shown = render_sample(store, sample, {clip.clip_id: clip for clip in (CLIP, DONOR)})[0].frames
    changed = set(
        np.flatnonzero(np.any(shown != load_frames(store, CLIP), axis=(1, 2, 3))).tolist()
    )
    expected = edited_frames(sample)
    held = {
        e.start_frame for e in sample.views[0].edits if isinstance(e, SpanEdit) and e.kind == "hold"
    }
    assert expected - held <= changed <= expected


def spans_with_odds(kind: str, level: float, num_frames: int) -> dict[tuple[int, int], float]:
    """The stated distribution: length uniform, then start uniform."""
    difficulty = grounding_difficulty(level, num_frames, kind)
    least = 2 if kind in ("hold", "shuffle") else 1
    lengths = range(
        max(least, difficulty.min_span_frames), max(least, difficulty.max_span_frames) + 1
    )
    return {
        (start, start + length): 1 / len(lengths) / (num_frames - length + 1)
        for length in lengths
        for start in range(num_frames - length + 1)
    }


def assert_follows(found: Counter[object], odds: dict[object, float]) -> None:
    assert set(found) <= set(odds)
    total = sum(found.values())
    statistic = stats.chisquare(
        [found[item] for item in odds], [total * odds[item] for item in odds]
    )
    assert statistic.pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", GROUNDING_KINDS)
@pytest.mark.parametrize("level", [0.5, 1.0])
def test_spans_follow_the_stated_distribution_and_a_constant_guess_earns_chance(
    kind: str, level: float
) -> None:
    clip, rng = make_clip("c", num_frames=16), np.random.default_rng(7)
    ends = [index * 0.5 for index in range(17)]
    odds = spans_with_odds(kind, level, 16)
    truths = [
        parse_answer(plan(("grounding", kind), level, rng, clip).answer, "interval")
        for _ in range(NUM_PLANS)
    ]  # type: ignore[arg-type]
    found = Counter(
        (ends.index(t.start_seconds), ends.index(t.end_seconds))
        for t in truths
        if isinstance(t, Interval)
    )
    assert_follows(found, odds)  # type: ignore[arg-type]
    for guess in (Interval(0.0, 8.0), Interval(2.5, 5.5)):
        scores = [verify(guess, truth) for truth in truths if truth is not None]
        chance = sum(
            odd * verify(guess, Interval(ends[a], ends[b])) for (a, b), odd in odds.items()
        )
        assert np.mean(scores) == pytest.approx(
            chance, abs=1e-9 + 4.5 * np.std(scores) / NUM_PLANS**0.5
        )


def test_guess_that_knows_the_duration_earns_no_more_than_the_best_constant_of_each_duration() -> (
    None
):
    rng, scores, chances = np.random.default_rng(3), [], []
    for step in (0.2, 0.5, 1.3):
        clip = make_clip("c", num_frames=16, step_seconds=step)
        ends = [round(index * step, 1) for index in range(17)]
        odds = spans_with_odds("mirror", 0.5, 16)
        guess = Interval(round(0.35 * 16 * step, 1), round(0.65 * 16 * step, 1))
        chances.append(
            sum(odd * verify(guess, Interval(ends[a], ends[b])) for (a, b), odd in odds.items())
        )
        for _ in range(800):
            sample = plan(("grounding", "mirror"), 0.5, rng, clip)
            scores.append(verify(guess, parse_answer(sample.answer, sample.answer_kind)))  # type: ignore[arg-type]
    assert np.mean(scores) == pytest.approx(
        np.mean(chances), abs=4.5 * np.std(scores) / len(scores) ** 0.5
    )


def test_rounding_moves_no_end_of_an_interval_by_more_than_half_a_tenth() -> None:
    rng = np.random.default_rng(0)
    ends = [*UNEVEN, UNEVEN[-1] + UNEVEN[-1] / 15]
    for _ in range(300):
        sample = plan(("grounding", "mirror"), 0.5, rng)
        edit, answer = sample.views[0].edits[0], parse_answer(sample.answer, sample.answer_kind)
        assert isinstance(edit, SpanEdit)
        assert isinstance(answer, Interval)
        assert abs(answer.start_seconds - ends[edit.start_frame]) <= 0.0501
        assert abs(answer.end_seconds - ends[edit.stop_frame]) <= 0.0501


@pytest.mark.parametrize(
    "cell",
    [("jigsaw", "clips"), ("jigsaw", "video"), ("marks", "colors"), ("timed_marks", "colors")],
)
def test_orders_are_uniform_and_a_constant_guess_earns_chance(cell: tuple[str, str]) -> None:
    level = 0.25 if cell[0] == "jigsaw" else 0.5
    rng, clip = np.random.default_rng(1), make_clip()
    samples = [plan(cell, level, rng, clip) for _ in range(NUM_PLANS)]
    orders = [Permutation(order) for order in itertools.permutations(range(1, 5))]
    truths = [
        parse_answer(sample.answer.split(SEPARATOR)[0], AnswerKind.PERMUTATION)
        for sample in samples
    ]
    assert_follows(Counter(truths), dict.fromkeys(orders, 1 / 24))  # type: ignore[arg-type]
    for guess in (orders[0], orders[9], orders[-1]):
        scores = [verify(guess, truth) for truth in truths if truth is not None]
        chance = np.mean([verify(guess, order) for order in orders])
        assert np.mean(scores) == pytest.approx(
            chance, abs=1e-9 + 4.5 * np.std(scores) / NUM_PLANS**0.5
        )


def test_counts_are_uniform_at_level_zero_and_a_constant_guess_earns_chance() -> None:
    rng, clip = np.random.default_rng(2), replace(make_clip(), width_px=256, height_px=256)
    samples = [plan(("counting", "shapes"), 0.0, rng, clip) for _ in range(NUM_PLANS)]
    truths = [parse_answer(sample.answer, sample.answer_kind) for sample in samples]
    possible = [Counts(counts) for counts in itertools.product((1, 2), repeat=3)]
    assert_follows(Counter(truths), dict.fromkeys(possible, 1 / 8))  # type: ignore[arg-type]
    scores = [verify(Counts((2, 2, 2)), truth) for truth in truths if truth is not None]
    # each shape: right, or 2 for 1, which earns nothing
    assert np.mean(scores) == pytest.approx(0.5, abs=1e-9 + 4.5 * np.std(scores) / NUM_PLANS**0.5)


@pytest.mark.slow
def test_counts_at_the_easy_point_follow_an_independent_draw() -> None:
    rng, clip = np.random.default_rng(2), replace(make_clip(), width_px=256, height_px=256)
    samples = [plan(("counting", "shapes"), 0.5, rng, clip) for _ in range(NUM_PLANS)]
    guess = Counts((4, 4, 4))
    scores = [verify(guess, parse_answer(sample.answer, sample.answer_kind)) for sample in samples]  # type: ignore[arg-type]
    chance = np.mean([verify(guess, Counts(draw_counts(rng))) for _ in range(NUM_PLANS)])
    assert np.mean(scores) == pytest.approx(chance, abs=6 * np.std(scores) / NUM_PLANS**0.5)


def draw_counts(rng: np.random.Generator) -> tuple[int, ...]:
    """1 to 3 frames for each shape, more than 8 of 48 apart, none shared; 1 to 3 shapes on each."""
    while True:
        frames = [draw_apart(rng, int(rng.integers(1, 4))) for _ in range(3)]
        if len({f for of_shape in frames for f in of_shape}) == sum(map(len, frames)):
            return tuple(int(rng.integers(1, 4, size=len(of_shape)).sum()) for of_shape in frames)


def test_this_store_is_read_and_not_written_by_rendering(store: Store, tmp_path: Path) -> None:
    folder = Path(store.path("frames"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for cell in CELLS:
        sample = plan(cell, 1.0, np.random.default_rng(0))
        render_sample(store, sample, {clip.clip_id: clip for clip in (CLIP, DONOR)})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def draw_apart(rng: np.random.Generator, count: int) -> list[int]:
    while True:
        frames = sorted(rng.integers(48, size=count).tolist())
        if all(later - earlier > 8 for earlier, later in itertools.pairwise(frames)):
            return frames
