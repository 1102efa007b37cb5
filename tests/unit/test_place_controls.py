"""Which controls stand beside which scores, computed by hand."""

import math
from collections.abc import Sequence

import pytest

from tasks.core.controls import GREY, Unseen
from tasks.core.scores import SampleScore, UnitScore
from tasks.core.types import Split
from tasks.promote.controls import PlaceControl, WithoutLooking, measure_controls

CELLS = (("grounding", "mirror", 0.0), ("grounding", "mirror", 0.5), ("jigsaw", "clips", 0.5))
NUM_VIDEOS = 6


def _rows(score: float, *, greedy: float = 0.0) -> list[SampleScore]:
    """A held-out sample of each cell and a VIUBench item of two types on each of six videos, all
    scored alike but for 0.01 a video."""
    held = [(Split.HELDOUT, *cell, "") for cell in CELLS]
    items = [(Split.VIUBENCH, "jigsaw", "clips", 0.5, name) for name in ("easy", "hard")]
    return [
        SampleScore(
            sample_id=f"{split} {pretext} {level} {name} {video}",
            split=split,
            pretext=pretext,
            kind=kind,
            level=level,
            viubench_type=name,
            score=score + 0.01 * video,
            greedy_score=greedy,
            parsed_share=1.0,
            truncated_share=0.0,
            num_rollouts=1,
            answers=("",),
            video=f"v{video}",
        )
        for split, pretext, kind, level, name in [*held, *items]
        for video in range(NUM_VIDEOS)
    ]


def _units(score: float) -> list[UnitScore]:
    """Of two parts; unit ids are those of other benchmarks too."""
    return [
        UnitScore(unit=f"q{n}", score=score, video=f"v{n}", stratum="long" if n % 2 else "short")
        for n in range(8)
    ]


@pytest.fixture(scope="module")
def controls() -> dict[str, PlaceControl]:
    """A challenger at 0.6 (0.9 on `ours`, free words) where the constant scores 0.4 and 0.5 in
    jigsaws; asked blind (0.3) about every second video, and two
    questions of `ours`."""
    before, after = _rows(0.5), _rows(0.6, greedy=0.75)
    unseen = {row.sample_id: _unseen(row) for row in after}
    unseen |= {f"ours q{n}": Unseen(item=f"q{n}", chance=0.2, constant=math.nan) for n in range(8)}
    blind = {row.sample_id: 0.3 for row in after if int(row.video[1:]) % 2}
    asked = blind | {"ours q0": 0.8, "ours q1": 0.8}
    without = WithoutLooking(unseen=unseen, blind={GREY: asked})
    pairs = {"ours": (_units(0.8), _units(0.9))}
    return measure_controls(before, after, pairs, ("heldout", "viubench", "ours"), without)


def _unseen(row: SampleScore) -> Unseen:
    constant = 0.5 if row.pretext == "jigsaw" else 0.4
    return Unseen(item=row.sample_id, chance=0.1, constant=constant)


def test_places_parts_and_cells_are_those_of_the_scores(controls: dict[str, PlaceControl]) -> None:
    assert controls.keys() == {"heldout", "viubench", "ours", "overall"}
    assert {place: [*one.by_part] for place, one in controls.items()} == {
        "heldout": ["grounding", "jigsaw"],
        "viubench": ["easy", "hard"],
        "ours": ["long", "short"],
        "overall": [],
    }
    assert [*controls["heldout"].by_cell] == [
        "grounding/mirror/0",
        "grounding/mirror/0.5",
        "jigsaw/clips/0.5",
    ]
    assert not controls["viubench"].by_cell


def test_each_part_has_its_own_constant(controls: dict[str, PlaceControl]) -> None:
    heldout = controls["heldout"]
    found = {name: part.after.over_constant.mean for name, part in heldout.by_part.items()}
    assert found == pytest.approx({"grounding": 0.225, "jigsaw": 0.125})
    assert heldout.whole.after.constant.mean == pytest.approx((2 * 0.4 + 0.5) / 3)
    assert heldout.by_cell["jigsaw/clips/0.5"].after.constant.mean == pytest.approx(0.5)
    assert heldout.whole.after.chance == pytest.approx(0.1)


def test_blind_answers_are_compared_on_the_videos_that_were_asked(
    controls: dict[str, PlaceControl],
) -> None:
    part = controls["heldout"].by_part["jigsaw"].after
    # Videos 1, 3 and 5, at 0.61, 0.63 and 0.65.
    assert (part.blind[GREY].num_items, part.blind[GREY].mean) == (3, pytest.approx(0.3))
    assert part.gain_by_seeing[GREY].mean == pytest.approx(0.33)


def test_the_start_model_has_constants_and_no_blind_answers(
    controls: dict[str, PlaceControl],
) -> None:
    before = controls["heldout"].by_part["grounding"].before
    assert before.over_constant.mean == pytest.approx(0.125)
    assert before.blind == {}


def test_greedy_answers_stand_beside_the_sampled_ones(controls: dict[str, PlaceControl]) -> None:
    greedy = controls["heldout"].by_part["jigsaw"].greedy
    assert greedy is not None
    assert greedy.mean == pytest.approx(0.75)
    assert controls["viubench"].whole.greedy is None, "all of them are"
    assert controls["overall"].whole.greedy is None


def test_units_of_a_benchmark_are_known_by_its_name(controls: dict[str, PlaceControl]) -> None:
    ours = controls["ours"].whole.after
    assert ours.gain_by_seeing[GREY].num_items == 2
    assert ours.gain_by_seeing[GREY].mean == pytest.approx(0.1)
    assert ours.over_constant.num_items == 0, "free words"


def test_places_count_equally_in_overall(controls: dict[str, PlaceControl]) -> None:
    """Where no answer is constant a place says nothing of it."""
    overall = controls["overall"].whole.after
    assert overall.score.mean == pytest.approx((0.625 + 0.625 + 0.9) / 3)
    assert overall.constant.mean == pytest.approx((1.3 / 3 + 0.5) / 2)
    assert overall.gain_by_seeing[GREY].mean == pytest.approx((0.33 + 0.33 + 0.1) / 3)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_changes_nothing(controls: dict[str, PlaceControl], order: int) -> None:
    def turned(rows: Sequence[SampleScore]) -> list[SampleScore]:
        return [*rows][::order]

    unseen = {row.sample_id: _unseen(row) for row in turned(_rows(0.6))}
    without = WithoutLooking(unseen=unseen, blind={GREY: {}})
    found = measure_controls(
        turned(_rows(0.5)), turned(_rows(0.6)), {}, ("heldout", "viubench"), without
    )
    assert found["heldout"].whole.after.over_constant == (
        controls["heldout"].whole.after.over_constant
    )


def test_without_held_out_videos_nothing_is_measured() -> None:
    found = measure_controls(
        [], [], {}, ("heldout", "viubench"), WithoutLooking(unseen={}, blind={GREY: {}})
    )
    assert found["heldout"].whole.after.score.num_items == 0
    assert found["heldout"].by_part == {}
