"""The small base model: its scenes, and its loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file

from tasks.core.errors import InputError
from tasks.pretrain.learner import Learner
from tasks.pretrain.muon import Muon, orthogonal
from tasks.pretrain.pretrain import (
    PretrainConfig,
    answer_loss,
    encode_lesson,
    lessons_of,
    make_base,
    new_policy,
    show_lesson,
)
from tasks.pretrain.scenes import NUM_FRAMES, make_scene
from tasks.pretrain.seen import SeeingHeads
from tasks.rollout.inputs import batch_prompts
from tests.helpers.training import on_two_ranks

_SMALL = PretrainConfig(
    hidden_size=64,
    num_layers=1,
    vision_layers=1,
    num_seeing_steps=2,
    num_steps=2,
    num_doubting_steps=1,
    lessons_per_step=3,
    num_processes=1,
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


def _learn(folder: Path) -> None:
    dist.init_process_group("gloo")
    *_, policy = make_base(
        replace(_SMALL, lessons_per_step=4, num_processes=2), folder / "training.pt"
    )
    weights = {name: weight.detach() for name, weight in policy.model.named_parameters()}
    save_file(weights, folder / f"{dist.get_rank()}.safetensors")


@pytest.mark.slow
def test_two_processes_learn_different_lessons_and_have_the_same_weights(tmp_path: Path) -> None:
    config = replace(_SMALL, lessons_per_step=4, num_processes=2)
    first, second = ([lesson for _, lesson in lessons_of(config, 3, rank)] for rank in range(2))
    assert len(first) == len(second) == 2
    assert first != second
    on_two_ranks(_learn, tmp_path)
    (tmp_path / "alone").mkdir()
    *_, alone = make_base(replace(config, num_processes=1), tmp_path / "alone" / "training.pt")
    weights = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(2)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][n], w) for n, w in alone.model.named_parameters())


def _average(folder: Path) -> None:
    dist.init_process_group("gloo")
    policy = new_policy(_SMALL)
    learner = Learner(policy, SeeingHeads(_SMALL.hidden_size), 0.1, 0.1)
    weight = learner.heads.lateness.bias
    before = weight.item()
    # Down in one process and up in the other: down in both, by a first step of Adam's.
    learner.step((3.0 if dist.get_rank() else -1.0) * weight.sum(), 1.0)
    (folder / str(dist.get_rank())).write_text(str(weight.item() - before))


@pytest.mark.slow
def test_a_step_goes_down_the_mean_of_all_processes(tmp_path: Path) -> None:
    on_two_ranks(_average, tmp_path)
    moved = [float((tmp_path / str(rank)).read_text()) for rank in range(2)]
    assert moved[0] == moved[1] == pytest.approx(-0.1, rel=1e-2)
