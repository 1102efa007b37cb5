"""The small base model as it lies in the package: it sees, on scenes that it was not made of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.core.types import Sample
from tasks.perturb.plan import plan_item
from tasks.policy.checkpoint import Policy, load_policy
from tasks.policy.source import SMALL_BASE, find_source
from tasks.pretrain.pretrain import PretrainConfig
from tasks.pretrain.scenes import Scene, make_scene
from tasks.rollout.engine import SamplingParams
from tasks.rollout.prompt import render_prompt
from tasks.rollout.reward import reward_answer
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.video.edits import apply_edits
from tasks.video.render import ShownVideo, view_timestamps

_SEED = PretrainConfig.seed + 1
_GREEDY = SamplingParams(num_completions=1, temperature=0.0, max_tokens=12)


@pytest.fixture(scope="module")
def small() -> Policy:
    return load_policy(find_source(SMALL_BASE).place, "float32")


def _asked(pretext: str, kind: str, num: int) -> Iterator[tuple[Scene, Sample]]:
    """On landscapes, at the first level."""
    index = 0
    while num:
        scene = make_scene(_SEED, index, varied_share=0.0)
        index += 1
        if scene.is_landscape and (sample := plan_item(scene.clip, pretext, kind, 0.0, 0, index)):
            num -= 1
            yield scene, sample


def _shown(scene: Scene, sample: Sample, *, is_grey: bool) -> list[ShownVideo]:
    videos = []
    for view in sample.views:
        frames = apply_edits(scene.frames[view.start_frame : view.stop_frame], view.edits)
        videos.append(
            ShownVideo(
                np.full_like(frames, 128) if is_grey else frames, view_timestamps(view, scene.clip)
            )
        )
    return videos


def _score(policy: Policy, asked: list[tuple[Scene, Sample]], *, is_grey: bool = False) -> float:
    prompts = [
        render_prompt(policy.processor, sample, _shown(scene, sample, is_grey=is_grey))
        for scene, sample in asked
    ]
    answers = TransformersEngine(policy, 64).generate(prompts, _GREEDY, list(range(len(prompts))))
    return float(
        np.mean(
            [
                reward_answer(sample, 0, said.text, num_tokens=1).reward
                for (_, sample), (said,) in zip(asked, answers, strict=True)
            ]
        )
    )


@pytest.mark.parametrize(
    ("pretext", "kind"),
    [
        ("grounding", "mirror"),
        ("grounding", "zoom_out"),
        ("counting", "shapes"),
        ("jigsaw", "clips"),
    ],
)
def test_it_answers_rightly_and_because_it_sees(small: Policy, pretext: str, kind: str) -> None:
    asked = list(_asked(pretext, kind, 16))
    score = _score(small, asked)
    assert score > 0.9
    assert _score(small, asked, is_grey=True) < score - 0.1


def test_it_is_as_small_as_its_card_says(small: Policy) -> None:
    num = sum(parameter.numel() for parameter in small.model.parameters())
    card = (Path(find_source(SMALL_BASE).place) / "README.md").read_text()
    assert f"{num / 1e6:.1f} million parameters" in card
