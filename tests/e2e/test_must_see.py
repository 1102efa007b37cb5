"""Whether a policy looks, from its training to the decision: two that gain without looking are
refused for that alone, one that sees is promoted."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from tasks.benchmarks.constants import answer_cell, best_constants, right_answer_of
from tasks.core.config import TrainConfig
from tasks.core.records import DataSet
from tasks.core.training import TrainStep
from tasks.core.types import Artifact, Sample
from tasks.policy.checkpoint import open_policy, store_policy
from tasks.rollout.source import PromptMaker
from tasks.train.draw import samples_of_step
from tests.helpers.grey import GreyPrompts, grey_clips, without_edits
from tests.helpers.grpo import grpo_over
from tests.helpers.night import Night, ingest_generated
from tests.helpers.promoted_run import Outcome
from workflows.presets import smoke

pytestmark = pytest.mark.slow

NUM_CLIPS = 16
"""Half of them are held out: eight, since an interval over the least number (five) is wide."""
NOT_ABOVE_CONSTANT = "it does not lie above the best constant answer"
ALIKE = "it answers alike whatever it is shown"
SIGHT_RULES = ("no: it must lie above the best constant answer on", "no: it must see on")
_GREY_TRAINING = TrainConfig(
    num_steps=30,
    prompts_per_step=8,
    learning_rate=1e-3,
    kl_coefficient=0.0,
    gradient_checkpointing=False,
    zero_stage=0,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("must_see") / "root"


@pytest.fixture(scope="module")
def clips(root: Path) -> DataSet:
    """In small frames: two of them are one token."""
    ingest = replace(smoke().ingest, max_area_px=32 * 32, heldout_share=0.5, num_workers=1)
    return ingest_generated(root, replace(smoke(), ingest=ingest), NUM_CLIPS)


@pytest.fixture(scope="module")
def everything(root: Path, clips: DataSet) -> Night:
    """All pretext tasks and VIUBench, under the usual rules."""
    perturb = replace(
        smoke().perturb,
        train_samples_per_clip=(12, 4, 6),
        heldout_samples_per_clip=(4, 2, 2),
        viubench_items_per_type=8,
    )
    return Night.planned(root, clips, replace(smoke(), perturb=perturb))


@pytest.fixture(scope="module")
def easy(root: Path, clips: DataSet) -> Night:
    """One question that a small model learns to see within a minute: when are the colors inverted?

    Not at level 0, where up to half of a video is altered and a constant answer scores 0.58.
    VIUBench does not ask it, so the challenger must win on the held-out samples.
    """
    perturb = replace(
        smoke().perturb,
        pretexts=("grounding",),
        grounding_kinds=("invert",),
        levels=(0.5,),
        train_samples_per_clip=(60,),
        heldout_samples_per_clip=(8,),
        viubench_items_per_type=1,
    )
    config = replace(
        smoke(),
        perturb=perturb,
        warm_start=replace(smoke().warm_start, learning_rate=2e-3),
        promote=replace(smoke().promote, must_win=("heldout",), may_lose={}),
    )
    return Night.planned(root, clips, config)


def test_a_policy_that_says_the_best_constant_answer_is_not_promoted(everything: Night) -> None:
    challenger = everything.taught(_with_constant_answers(everything), num_steps=80)
    assert everything.promote(challenger, must_see=False).promotion.promoted
    _check_refused_for_not_looking(everything.promote(challenger))


def test_grey_prompts_have_the_frames_and_times_of_the_real_ones_and_one_color(easy: Night) -> None:
    processor = open_policy(easy.store, easy.untrained(), "float32").processor
    real = PromptMaker(processor, easy.store, easy.clips, encodes=True)
    sample = easy.training_samples[0]
    shown, grey = real.take(sample), GreyPrompts.over(real).take(sample)
    assert not isinstance(shown, str)
    assert not isinstance(grey, str)
    assert grey.text == shown.text
    (shown_video,), (grey_video,) = shown.videos, grey.videos
    assert grey_video.timestamps_seconds == shown_video.timestamps_seconds
    assert grey_video.frames.shape == shown_video.frames.shape
    assert len(np.unique(grey_video.frames)) == 1 < len(np.unique(shown_video.frames))


def test_a_policy_trained_by_grpo_on_grey_frames_is_not_promoted(easy: Night) -> None:
    challenger, rows = _trained_on_grey_frames(easy)
    rewards = [row.reward_mean for row in rows]
    assert fmean(rewards[-10:]) > fmean(rewards[:10]), "the reward should rise: it is no proof"
    assert easy.promote(challenger, must_see=False).promotion.promoted
    _check_refused_for_not_looking(easy.promote(challenger))


def test_a_policy_that_sees_is_promoted(easy: Night) -> None:
    challenger = easy.taught(easy.training_samples, num_steps=160)
    outcome = easy.promote(challenger)
    assert outcome.promotion.promoted, outcome.promotion.reason


def _check_refused_for_not_looking(outcome: Outcome) -> None:
    """By these rules and no others."""
    assert not outcome.promotion.promoted
    assert NOT_ABOVE_CONSTANT in outcome.promotion.reason
    assert ALIKE in outcome.promotion.reason
    failed = [
        line for line in outcome.summary["decision"]["checks"] if not line.startswith("yes: ")
    ]
    assert all(line.startswith(SIGHT_RULES) for line in failed), failed


def _with_constant_answers(night: Night) -> list[Sample]:
    """Training samples whose answer is the best one that is the same for all that are asked so: a
    question does not say its level."""
    samples, clips = night.training_samples, night.clips
    asked = [replace(sample, level=0.0) for sample in samples]
    best = best_constants(asked, clips)
    return [
        replace(
            sample,
            answer=best[answer_cell(alike)].answer.text(right_answer_of(sample, clips).seconds),
        )
        for sample, alike in zip(samples, asked, strict=True)
    ]


def _trained_on_grey_frames(night: Night) -> tuple[Artifact, list[TrainStep]]:
    """By GRPO, after a warm start for the format, and what its steps say."""
    samples, clips, store = night.training_samples, night.clips, night.store
    start = night.taught(
        [without_edits(sample) for sample in samples],
        num_steps=100,
        clips=grey_clips(store, clips.values()),
    )
    policy = open_policy(store, start, night.config.model.dtype)
    grpo = grpo_over(
        store,
        clips,
        policy,
        None,
        config=_GREY_TRAINING,
        rollout=replace(night.config.rollout, rollouts_per_prompt=8),
        prompts=GreyPrompts.over(PromptMaker(policy.processor, store, clips, encodes=True)),
    )
    rows = [
        grpo.step(number, samples_of_step(samples, number, _GREY_TRAINING, seed=0))
        for number in range(_GREY_TRAINING.num_steps)
    ]
    return store_policy(store, "trained/grey/policy", policy), rows
