"""The table of an ablation, and the one of what looking gives, from rows made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tasks.core.controls import GREY, SWAPPED, BlindScore, BlindScores, Controls, Unseen
from tasks.core.manifest import write_rows
from tasks.core.measurement import DifficultyPlan, Selection
from tasks.core.scores import BEFORE, ModelScores, SampleScore
from tasks.core.statistics import MIN_VIDEOS, estimate
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import Artifact, Split, StageReport
from tasks.evaluate.variants import Variant, variants_table

NOTHING = Artifact("", "")
NUM_VIDEOS, FEW_VIDEOS = MIN_VIDEOS + 1, MIN_VIDEOS - 1
NUM_ITEMS = NUM_VIDEOS * FEW_VIDEOS
_SEEN = {"looks": 0.75, "alike": 0.5}
"""Score on every second video's items, the others have 0.25 less."""


def test_without_controls_there_is_one_table_as_before(store: Store) -> None:
    scores = _scores(store)
    table = variants_table(store, scores, _variants(store))
    head, _, *rows = table.splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["start model", "looks", "alike"]
    assert {row.count("|") for row in rows} == {head.count("|")}


def test_controls_stand_in_a_table_of_their_own(store: Store) -> None:
    scores, variants = _scores(store), _variants(store)
    table = variants_table(store, scores, variants, _controls(store, {GREY: 0.375}))
    before, words, looking = table.split("\n\n")
    assert f"{before}\n" == variants_table(store, scores, variants)
    assert words.startswith("What looking gives")
    rows = _cells(looking)
    assert rows[0] == [
        *("variant", "asked", "score", "best constant", "score - constant"),
        *("blind (grey)", "gain by seeing (grey)", ""),
    ]
    assert [row[:2] for row in rows[1:]] == [
        ["looks", "grounding"],
        ["looks", "VIUBench"],
        ["alike", "grounding"],
        ["alike", "VIUBench"],
    ]
    looks, _, alike, _ = rows[1:]
    # Scores are 0.75 and 0.5 in turn, the constant's are 0.5, the blind ones 0.375.
    assert looks[2:4] == ["0.625", "0.500"]
    assert looks[4] == "+0.125 (-0.019 to +0.269)"
    assert looks[5] == "0.375"
    assert looks[6] == "+0.250 (+0.106 to +0.394)"
    assert looks[7] == ""
    assert alike[2] == "0.375"
    assert alike[4] == "-0.125 (-0.269 to +0.019)"
    assert alike[6] == "+0.000 (-0.144 to +0.144)"
    assert alike[7] == "answers alike whatever it is shown"


def test_every_condition_that_was_asked_has_its_columns(store: Store) -> None:
    controls = _controls(store, {SWAPPED: 0.0, GREY: 0.625})
    head, looks, *_ = _cells(_looking(store, controls))
    assert [cell for cell in head if "(" in cell] == [
        *("blind (grey)", "gain by seeing (grey)"),
        *("blind (swapped)", "gain by seeing (swapped)"),
    ]
    assert looks[-1] == "answers alike whatever it is shown", "grey frames earn as much"


@pytest.mark.parametrize(("blind", "is_marked"), [(0.5, False), (0.625, True), (0.75, True)])
def test_without_an_interval_the_mean_decides_what_is_marked(
    store: Store, blind: float, is_marked: bool
) -> None:
    scores = _scores(store, num_videos=FEW_VIDEOS)
    table = variants_table(store, scores, _variants(store), _controls(store, {GREY: blind}))
    looks = _cells(table.split("\n\n")[2])[1]
    assert f"{FEW_VIDEOS} videos: no interval" in looks[6]
    assert (looks[7] != "") == is_marked


def test_what_was_not_asked_blind_is_a_dash_and_not_marked(store: Store) -> None:
    _, _, viubench, *_ = _cells(_looking(store, _controls(store, {GREY: 0.375})))
    assert viubench[:2] == ["looks", "VIUBench"]
    assert viubench[3:] == ["–"] * 4 + [""]


def _looking(store: Store, controls: Controls) -> str:
    return variants_table(store, _scores(store), _variants(store), controls).split("\n\n")[2]


def _cells(table: str) -> list[list[str]]:
    """Of the head and of every row."""
    head, _, *rows = table.splitlines()
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in (head, *rows)]


def _controls(store: Store, blind: Mapping[str, float]) -> Controls:
    """Of the held-out samples alone, whose items each score as said."""
    unseen = [Unseen(item=f"s{n}", chance=0.1, constant=0.5) for n in range(NUM_ITEMS)]
    return Controls(
        unseen={"heldout": write_rows(store, "unseen.parquet", Unseen, unseen)},
        blind=[
            BlindScores(
                candidate=name,
                place="heldout",
                condition=condition,
                scores=write_rows(
                    store,
                    f"blind-{name}-{condition}.parquet",
                    BlindScore,
                    [BlindScore(item=f"s{n}", score=score) for n in range(NUM_ITEMS)],
                ),
                report=StageReport("blind", 0.0),
            )
            for name in _SEEN
            for condition, score in blind.items()
        ],
    )


def _variants(store: Store) -> dict[str, Variant]:
    record = write_rows(store, "record.parquet", TrainStep, [])
    selection = Selection(
        samples=NOTHING,
        cells=NOTHING,
        measurements=NOTHING,
        plan=DifficultyPlan(1, NOTHING, NOTHING),
        report=StageReport("calibrate", 0.0, {"rollouts": 8.0}),
    )
    trained = TrainedPolicy(policy=NOTHING, record=record, report=StageReport("train", 0.0))
    return {name: Variant(selection, trained) for name in _SEEN}


def _scores(store: Store, num_videos: int = NUM_VIDEOS) -> dict[str, ModelScores]:
    return {
        name: _model(store, name, score, num_videos)
        for name, score in ({BEFORE: 0.25} | _SEEN).items()
    }


def _model(store: Store, name: str, score: float, num_videos: int) -> ModelScores:
    rows = [
        _row(f"s{n}", score - 0.25 * (n % num_videos % 2), f"video {n % num_videos}")
        for n in range(NUM_ITEMS)
    ]
    rows += [
        replace(row, sample_id=f"v{n}", split=Split.VIUBENCH, viubench_type="mirror")
        for n, row in enumerate(rows)
    ]
    return _summed(name, rows, write_rows(store, f"{name}.parquet", SampleScore, rows))


def _summed(name: str, rows: Sequence[SampleScore], predictions: Artifact) -> ModelScores:
    mean = estimate(row.scored() for row in rows if row.split == Split.HELDOUT)
    return ModelScores(
        name=name,
        policy=NOTHING,
        predictions=predictions,
        heldout=mean,
        heldout_by_pretext={"grounding": mean},
        heldout_greedy=mean,
        heldout_greedy_by_pretext={"grounding": mean},
        viubench=mean,
        viubench_strict=mean,
        viubench_by_type={"mirror": mean},
        num_failed=0,
    )


def _row(sample_id: str, score: float, video: str) -> SampleScore:
    return SampleScore(
        sample_id=sample_id,
        split=Split.HELDOUT,
        pretext="grounding",
        kind="mirror",
        level=0.0,
        viubench_type="",
        score=score,
        parsed_share=1.0,
        truncated_share=0.0,
        num_rollouts=1,
        answers=(),
        video=video,
    )
