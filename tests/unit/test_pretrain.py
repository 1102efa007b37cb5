"""The small base model: its scenes, and its loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.core.errors import InputError
from tasks.pretrain.muon import Muon, orthogonal
from tasks.pretrain.pretrain import (
    PretrainConfig,
    answer_loss,
    encode_lesson,
    lessons_of,
    make_base,
    show_lesson,
)
from tasks.pretrain.scenes import NUM_FRAMES, make_scene
from tasks.rollout.inputs import batch_prompts

_SMALL = PretrainConfig(
    hidden_size=64,
    num_layers=1,
    vision_layers=1,
    num_seeing_steps=2,
    num_steps=2,
    num_doubting_steps=1,
    lessons_per_step=3,
    kept_every=1,
)
_RECIPE = PretrainConfig()


def test_a_scene_is_the_same_for_the_same_arguments_and_no_other() -> None:
    one, same, other = make_scene(1, 2), make_scene(1, 2), make_scene(1, 3)
    assert np.array_equal(one.frames, same.frames)
    assert one.clip == same.clip
    assert one.clip.clip_id != other.clip.clip_id
    assert len(one.frames) == len(one.clip.timestamps_seconds) == NUM_FRAMES


def test_scenes_are_of_sizes_that_the_model_takes_and_move_or_stand_still() -> None:
    scenes = [make_scene(1, index) for index in range(40)]
    assert {scene.is_landscape for scene in scenes} == {True, False}
    for scene in scenes:
        assert scene.frames.dtype == np.uint8
        assert not np.any(np.array(scene.frames.shape[1:3]) % 32)
        assert scene.frames.std() > 5, "there is something to see"


def test_the_loss_is_that_of_the_plain_forward_over_each_question(tmp_path: Path) -> None:
    *_, policy = make_base(_SMALL, tmp_path / "training.pt")
    lessons = lessons_of(_SMALL, 5)
    prompts = [
        encode_lesson(policy, lesson, show_lesson(scene, lesson)) for scene, lesson in lessons
    ]
    with torch.no_grad():
        mean, by_question, _ = answer_loss(policy, prompts, [lesson for _, lesson in lessons])
        tokenizer = policy.processor.tokenizer
        total, num_tokens = 0.0, 0
        for g, (_, lesson) in enumerate(lessons):
            for n, (question, answer) in enumerate(lesson.questions):
                batch = batch_prompts(policy, [prompts[g]])
                asked = tokenizer.encode(question + "<|im_end|>\n<|im_start|>assistant\n")
                said = [*tokenizer.encode(answer), tokenizer.eos_token_id]
                more = torch.tensor([[*asked, *said]])
                after = batch.position_ids.amax() + 1 + torch.arange(more.shape[1])
                logits = policy.model(
                    input_ids=torch.cat([batch.input_ids, more], dim=1),
                    position_ids=torch.cat([batch.position_ids, after.expand(3, 1, -1)], dim=2),
                    pixel_values_videos=batch.pixel_values,
                    video_grid_thw=batch.grid_thw,
                ).logits[0]
                logprobs = logits[-len(said) - 1 : -1].log_softmax(dim=-1)
                own = -logprobs.gather(1, torch.tensor(said)[:, None]).sum().item()
                assert by_question[g, n].item() == pytest.approx(own / len(said), abs=1e-4)
                total, num_tokens = total + own, num_tokens + len(said)
    assert mean.item() == pytest.approx(total / num_tokens, abs=1e-4)


def test_the_same_recipe_gives_the_same_weights_and_so_does_one_that_was_stopped(
    tmp_path: Path,
) -> None:
    *_, whole = make_base(_SMALL, tmp_path / "whole.pt")
    *_, again = make_base(_SMALL, tmp_path / "again.pt")
    stopped = make_base(_SMALL, tmp_path / "stopped.pt")
    next(stopped), next(stopped), next(stopped)  # in the middle of the second part
    *_, resumed = make_base(_SMALL, tmp_path / "stopped.pt")
    weights = [
        torch.cat([p.flatten() for p in policy.model.parameters()])
        for policy in (whole, again, resumed)
    ]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


def test_times_vary_only_once_some_can_be_written() -> None:
    first = {scene.clip.timestamps_seconds[1] for scene, _ in lessons_of(_RECIPE, 1000)}
    last = {
        scene.clip.timestamps_seconds[1]
        for scene, _ in lessons_of(_RECIPE, _RECIPE.num_seeing_steps + _RECIPE.num_steps)
    }
    assert first == {1.0}
    assert len(last) > 5


def test_what_is_made_orthogonal_has_singular_values_of_about_one() -> None:
    matrices = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(0))
    for given in (matrices, matrices.mT, 1e-3 * matrices):
        values = torch.linalg.svdvals(orthogonal(given))
        assert bool(((values > 0.6) & (values < 1.3)).all())
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    # The directions stay.
    turned = torch.einsum("nia,nij,nja->na", left, orthogonal(matrices), right.mT)
    assert bool((turned > 0.6).all())


def test_muon_goes_down_the_gradient() -> None:
    matrix = torch.nn.Parameter(torch.randn(8, 6, generator=torch.Generator().manual_seed(1)))
    target = torch.zeros(8, 6)
    optimizer = Muon([matrix], lr=0.05, weight_decay=0.0)
    before = (matrix - target).square().mean().item()
    for _ in range(60):
        (matrix - target).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (matrix - target).square().mean().item() < 0.05 * before


def test_a_training_of_another_recipe_is_refused(tmp_path: Path) -> None:
    next(make_base(_SMALL, tmp_path / "training.pt"))
    with pytest.raises(InputError, match="is of another recipe"):
        next(make_base(replace(_SMALL, seed=8), tmp_path / "training.pt"))
