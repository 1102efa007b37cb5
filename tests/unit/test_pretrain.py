"""The small base model: its scenes, and its loss."""

from itertools import islice

import numpy as np
import pytest
import torch

from tasks.pretrain.pretrain import (
    PretrainConfig,
    answer_loss,
    draw_lessons,
    encode_lesson,
    make_base,
)
from tasks.pretrain.scenes import NUM_FRAMES, make_scene
from tasks.rollout.inputs import batch_prompts

_SMALL = PretrainConfig(
    hidden_size=64, num_layers=1, vision_layers=1, num_steps=2, lessons_per_step=2, kept_every=1
)


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


def test_the_loss_is_that_of_the_plain_forward_over_each_question() -> None:
    *_, policy = make_base(_SMALL)
    lessons = [*islice(draw_lessons(_SMALL), 3)]
    with torch.no_grad():
        mean, by_question = answer_loss(policy, lessons)
        tokenizer = policy.processor.tokenizer
        total, num_tokens = 0.0, 0
        for g, (scene, lesson) in enumerate(lessons):
            for n, (question, answer) in enumerate(lesson.questions):
                prompt = encode_lesson(policy, scene, lesson)
                batch = batch_prompts(policy, [prompt])
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


def test_the_same_recipe_gives_the_same_weights() -> None:
    weights = [
        torch.cat([p.flatten() for p in policy.model.parameters()])
        for policy in (list(make_base(_SMALL))[-1] for _ in range(2))
    ]
    assert torch.equal(*weights)
