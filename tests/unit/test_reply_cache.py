"""What is kept of replies, and when it is found again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.rollout.answerer import Reply, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.guessers import LabelPriorGuesser
from tasks.rollout.reward import rollouts_of
from tasks.rollout.videos import ClipVideos
from tests.helpers.clips import make_clip
from tests.helpers.rollouts import Script, make_sample


def samples(number: int) -> tuple[list[Sample], dict[str, Clip]]:
    clip = make_clip("c", num_frames=16)
    return [make_sample(f"s{index}", clip_id=clip.clip_id) for index in range(number)], {
        clip.clip_id: clip
    }


def ask(
    folder: Path, rows: list[Sample], clips: Mapping[str, Clip], script: Script
) -> dict[str, Reply]:
    store, sampling = Store(str(folder)), Sampling(2, 1.0, 8, ("rollout", "test"))
    return ask_all(
        ReplyCache(store, script, ClipVideos(store, clips), sampling, "test"),
        rows,
        batch_size=8,
        label="",
    )


def test_after_a_kill_finished_rows_are_not_asked_again(tmp_path: Path) -> None:
    rows, clips = samples(40)
    says = {sample.question: ["2.0-4.0", "1.0-2.0"] for sample in rows if sample.sample_id != "s3"}
    first, second, whole = Script(says, dies_after=20), Script(says), Script(says)
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path / "killed", rows, clips, first)
    resumed = ask(tmp_path / "killed", rows, clips, second)
    assert sorted(first.asked + second.asked) == sorted(
        [*(sample.sample_id for sample in rows), "s3"]
    ), "s3 failed"
    assert resumed == ask(tmp_path / "whole", rows, clips, whole)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "killed").rglob("*.parquet")}
    assert kept == {
        path.name: path.read_bytes() for path in (tmp_path / "whole").rglob("*.parquet")
    }
    assert len(kept) == 5


def test_a_corrected_label_costs_no_rollout_and_another_question_does(tmp_path: Path) -> None:
    rows, clips = samples(3)
    says = {sample.question: ["2.0-4.0", "1.0-2.0"] for sample in rows} | {"other": ["1.0-2.0"] * 2}
    ask(tmp_path, rows, clips, Script(says))
    corrected = [replace(rows[0], answer="1.0-2.0"), replace(rows[1], question="other")]
    again = Script(says)
    replies = ask(tmp_path, [*corrected, rows[2]], clips, again)
    assert again.asked == [rows[1].sample_id]
    rollouts = rollouts_of(corrected[0], replies[rows[0].sample_id])
    assert [rollout.strict_reward for rollout in rollouts] == [0.0, 1.0]


def test_the_label_prior_draws_from_answers_to_questions_of_its_kind() -> None:
    rows = [make_sample(f"g{i}", pretext="grounding") for i in range(3)] + [
        make_sample("j", pretext="jigsaw")
    ]
    sampling, show = Sampling(5, 1.0, 8, ("rollout", "test")), ClipVideos(Store("/"), {}).show
    replies = LabelPriorGuesser(rows, seed=0).answer(rows, show, sampling)
    assert replies[3].texts == ("213",) * 5
    assert LabelPriorGuesser(rows, seed=0).answer(rows[:1], show, sampling) == replies[:1]
