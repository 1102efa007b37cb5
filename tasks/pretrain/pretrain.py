"""The small base model: a Qwen3-VL of 2.3 million parameters that is taught to see on generated
scenes, as large ones are on captions, before anything is trained by GRPO.

First the vision tower alone is told what is to be seen (`seen.py`), then the whole model answers
lessons (`lessons.py`) by maximum likelihood, while the tower is told on. At last it learns to
doubt: where the pretext tasks' own questions have a wrong answer as often as not, it sees as well
as before but says so only about half of the time, as a large base model does that knows more than
it says. The rest is left to reinforcement.
"""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from tasks.core.checks import SHARE, at_least, check
from tasks.core.seeding import generator
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.types import View
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.pretrain.learner import Learner
from tasks.pretrain.lessons import HARDEST, QUESTIONS_PER_LESSON, Lesson, draw_lesson, draw_view
from tasks.pretrain.scenes import Scene, make_scene
from tasks.pretrain.seen import PATCH_PX, SeeingHeads, join, seen_in
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import EncodedPrompt, render_prompt
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs, use_shared_prefix_attention
from tasks.video.edits import apply_edits
from tasks.video.render import ShownVideo, view_timestamps

logger = logging.getLogger(__name__)
_AFTER_QUESTION = "<|im_end|>\n<|im_start|>assistant\n"
_LESSONS_READ = 512
"""That the tokenizer is made of."""
_SCENES_HELD = 256
_NEW_SCENES = 0.12
"""Share of the lessons that are about a new scene."""
_VARIED_AT_LAST = 0.6
"""Share of the scenes with any time between frames: none at first, so that the model learns to
write times before it learns to read them."""
_LARGE_UNTIL, _HARDEST_AFTER = 0.3, 0.8
"""Shares of the steps of seeing: shapes are large at first, since small ones are learned very
slowly by a tower that knows none."""
_WARMUP_STEPS = 100
_DOUBTING_RATE, _LAST_RATE = 0.2, 0.05
"""Of the highest learning rates."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """The recipe; the same one gives the same weights on one machine."""

    seed: int = 7
    hidden_size: int = 160
    num_layers: int = 4
    vision_layers: int = 3
    num_seeing_steps: int = 3000
    """Of the vision tower alone."""
    num_steps: int = 1600
    """Of the whole model."""
    num_doubting_steps: int = 200
    """Of the whole model, with some wrong answers."""
    doubt: float = 0.55
    """Share of them."""
    lessons_per_step: int = 32
    """Of all processes."""
    num_processes: int = 2
    """Each draws lessons of its own: twice as fast as two threads, which small products do not
    use."""
    learning_rate: float = 1.5e-3
    """Of AdamW, which moves what is no matrix."""
    matrix_rate: float = 0.02
    """Of Muon."""
    kept_every: int = 100
    """Steps."""

    def __post_init__(self) -> None:
        steps = ("num_seeing_steps", "num_steps", "num_doubting_steps")
        check(self, at_least(1, most=10**7), *steps, "lessons_per_step", "kept_every")
        check(self, at_least(1, most=self.lessons_per_step), "num_processes")
        check(self, SHARE, "doubt")
        check(self, at_least(0, most=2**31), "seed")

    @property
    def lessons_per_process(self) -> int:
        return self.lessons_per_step // self.num_processes


def make_base(config: PretrainConfig, state: Path) -> Iterator[Policy]:
    """Gives the policy now and then, and when it is done.

    `state` is a file that the first process keeps the training in: what was stopped goes on from
    there. Processes find each other as torchrun's do (`torch.distributed`).
    """
    rank = dist.get_rank() if dist.is_initialized() else 0
    policy = new_policy(config)
    use_shared_prefix_attention(policy.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        heads = SeeingHeads(config.hidden_size)
    learner = Learner(policy, heads, config.matrix_rate, config.learning_rate)
    done = learner.resume(state, asdict(config))
    losses: defaultdict[str, list[float]] = defaultdict(list)
    began = time.perf_counter()
    policy.model.train()
    steps = range(done, sum(num for num, _ in _parts(config)))
    for step in tqdm(steps, desc="pretrain", unit="step", disable=True if rank else None):
        is_seeing = step < config.num_seeing_steps
        loss = torch.zeros(())
        losses_of = _seeing_losses if is_seeing else _all_losses
        for name, part in losses_of(learner, config, step, rank):
            losses[name].append(part.item())
            if part.requires_grad:  # others are only told
                loss = loss + part
        learner.step(loss, _rate(step, config))
        if (step + 1) % config.kept_every == 0 and rank == 0:
            shown = {name: round(float(np.mean(of[-100:])), 3) for name, of in losses.items()}
            logger.info("step %d, %.0f s: %s", step + 1, time.perf_counter() - began, shown)
            learner.keep(state, step + 1, asdict(config))
            yield policy
    policy.model.eval()
    yield policy


def _parts(config: PretrainConfig) -> list[tuple[int, float]]:
    """How many steps, and the share of the highest learning rates that they begin with."""
    return [
        (config.num_seeing_steps, 1.0),
        (config.num_steps, 1.0),
        (config.num_doubting_steps, _DOUBTING_RATE),
    ]


def _rate(step: int, config: PretrainConfig) -> float:
    """Share of the highest learning rates: in each part it rises, and falls as a cosine."""
    for num, highest in _parts(config):
        if step < num:
            rise = min(1.0, (step + 1) / _WARMUP_STEPS)
            return rise * max(_LAST_RATE, highest * (1 + math.cos(math.pi * step / num)) / 2)
        step -= num
    raise ValueError(f"there is no step {step} after the last part")


def _seeing_losses(
    learner: Learner, config: PretrainConfig, step: int, rank: int
) -> Iterator[tuple[str, Tensor]]:
    rng = generator(config.seed, "pretrain", "seeing", step, rank)
    passed = step / config.num_seeing_steps
    grown = (passed - _LARGE_UNTIL) / (_HARDEST_AFTER - _LARGE_UNTIL)
    hardest = HARDEST * min(1.0, max(0.0, grown))
    drawn: list[tuple[Scene, View]] = []
    while len(drawn) < config.lessons_per_process:
        scene = _draw_scene(config, step, rng)
        view = draw_view(scene, hardest, rng)
        if view is not None:
            drawn.append((scene, view))
    shown = [
        apply_edits(scene.frames[view.start_frame : view.stop_frame], view.edits)
        for scene, view in drawn
    ]
    pictures = learner.policy.processor.video_processor(
        [torch.from_numpy(frames).permute(0, 3, 1, 2) for frames in shown],
        do_sample_frames=False,
        do_resize=False,
        return_tensors="pt",
    )
    vision = learner.policy.model.get_video_features(
        pictures["pixel_values_videos"], pictures["video_grid_thw"]
    )
    seen = [seen_in(scene, view, f) for (scene, view), f in zip(drawn, shown, strict=True)]
    yield from learner.heads.losses(torch.cat(vision.pooler_output), join(seen))


def _all_losses(
    learner: Learner, config: PretrainConfig, step: int, rank: int
) -> Iterator[tuple[str, Tensor]]:
    lessons = lessons_of(config, step, rank)
    policy, videos = learner.policy, [show_lesson(*lesson) for lesson in lessons]
    prompts = [
        encode_lesson(policy, lesson, of) for (_, lesson), of in zip(lessons, videos, strict=True)
    ]
    loss, by_question, vision = answer_loss(policy, prompts, [lesson for _, lesson in lessons])
    yield "answers", loss
    for (_, lesson), of in zip(lessons, by_question, strict=True):
        yield lesson.sample.pretext, of[0]
    seen = [
        seen_in(scene, view, video.frames)
        for (scene, lesson), of in zip(lessons, videos, strict=True)
        for view, video in zip(lesson.sample.views, of, strict=True)
    ]
    yield from learner.heads.losses(torch.cat(vision.pooler_output), join(seen))


def lessons_of(config: PretrainConfig, step: int, rank: int = 0) -> list[tuple[Scene, Lesson]]:
    """What one process learns in one step; most lessons are about a scene that others are about
    too."""
    rng = generator(config.seed, "pretrain", "lessons", step, rank)
    doubts = step >= config.num_seeing_steps + config.num_steps
    lessons: list[tuple[Scene, Lesson]] = []
    while len(lessons) < config.lessons_per_process:
        scene = _draw_scene(config, step, rng)
        lesson = draw_lesson(scene, rng, config.doubt if doubts else 0.0)
        if lesson is not None:
            lessons.append((scene, lesson))
    return lessons


def _draw_scene(config: PretrainConfig, step: int, rng: np.random.Generator) -> Scene:
    """One of those that are held at a step: the oldest make room for new ones."""
    first = int(step * config.lessons_per_step * _NEW_SCENES)
    return _scene(config, first + int(rng.integers(_SCENES_HELD)))


@lru_cache(maxsize=2 * _SCENES_HELD)
def _scene(config: PretrainConfig, index: int) -> Scene:
    per_step = config.lessons_per_step * _NEW_SCENES
    answered = index / per_step - config.num_seeing_steps  # steps of the second part
    share = _VARIED_AT_LAST * min(1.0, max(0.0, 2 * answered / config.num_steps))
    return make_scene(config.seed, index, varied_share=share)


def new_policy(config: PretrainConfig) -> Policy:
    """Its tokenizer knows what is asked."""
    first = config.num_seeing_steps
    steps = range(first, first + math.ceil(_LESSONS_READ / config.lessons_per_process))
    lessons = [lesson for step in steps for _, lesson in lessons_of(config, step)]
    texts = {question for lesson in lessons for question, _ in lesson.questions}
    # Words alone: digits stand one by one.
    texts |= {answer for lesson in lessons for _, answer in lesson.questions if answer.isalpha()}
    frame = ["<|im_start|>system\n", "<|im_start|>user\n", _AFTER_QUESTION, "<10.2 seconds>"]
    return make_tiny_policy(
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        vision_layers=config.vision_layers,
        patch_px=PATCH_PX,
        seed=config.seed,
        # As often as in prompts, where they stand every time.
        texts=[*sorted(texts), *([SYSTEM_PROMPT, *frame] * len(texts))],
    )


def show_lesson(scene: Scene, lesson: Lesson) -> list[ShownVideo]:
    """Its videos, altered."""
    return [
        ShownVideo(
            apply_edits(scene.frames[view.start_frame : view.stop_frame], view.edits),
            view_timestamps(view, scene.clip),
        )
        for view in lesson.sample.views
    ]


def encode_lesson(policy: Policy, lesson: Lesson, videos: Sequence[ShownVideo]) -> EncodedPrompt:
    """The prompt as far as the question, which all questions of a lesson share."""
    sample = replace(lesson.sample, question="")
    prompt = encode_prompt(policy.processor, render_prompt(policy.processor, sample, videos))
    length = len(prompt.input_ids) - len(policy.processor.tokenizer.encode(_AFTER_QUESTION))
    return replace(
        prompt, input_ids=prompt.input_ids[:length], token_types=prompt.token_types[:length]
    )


def answer_loss(
    policy: Policy, prompts: Sequence[EncodedPrompt], lessons: Sequence[Lesson]
) -> tuple[Float[Tensor, ""], Float[Tensor, "G N"], Any]:
    """Mean negative log-likelihood of the answers' tokens, of all and of each question; and what
    the model's `get_video_features` gave."""
    tokenizer = policy.processor.tokenizer
    asked = [
        [tokenizer.encode(question + _AFTER_QUESTION) for question, _ in lesson.questions]
        for lesson in lessons
    ]
    said = [
        [[*tokenizer.encode(answer), tokenizer.eos_token_id] for _, answer in lesson.questions]
        for lesson in lessons
    ]
    # Each lesson is a group: its questions with their answers see the video and themselves.
    row = pack_row(
        [batch_prompts(policy, [prompt]) for prompt in prompts],
        [
            [question + answer for question, answer in zip(questions, answers, strict=True)]
            for questions, answers in zip(asked, said, strict=True)
        ],
    )
    vision = policy.model.get_video_features(row.pixel_values, row.grid_thw)
    logprobs, _ = shared_prefix_logprobs(policy.model, row, vision=vision)
    counts = torch.zeros(logprobs.shape)
    for g, n in np.ndindex(len(lessons), QUESTIONS_PER_LESSON):
        start = len(asked[g][n])
        counts[g, n, start : start + len(said[g][n])] = 1
    counted = -(logprobs * counts)
    by_question = (counted.sum(-1) / counts.sum(-1)).detach()
    return counted.sum() / counts.sum(), by_question, vision
