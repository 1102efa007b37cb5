"""The small base model: a Qwen3-VL of 2.5 million parameters that is taught to see on generated
scenes, as large ones are on captions, before anything is trained by GRPO.

Maximum likelihood of the answers to lessons (`lessons.py`), nothing else.
"""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from tasks.core.checks import at_least, check
from tasks.core.seeding import generator
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.pretrain.lessons import QUESTIONS_PER_LESSON, Lesson, draw_lesson
from tasks.pretrain.scenes import Scene, make_scene
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
_WARMUP_STEPS = 100
_LAST_RATE = 0.05
"""Of the highest learning rate, which falls as a cosine."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """The recipe; the same one gives the same weights on one machine."""

    seed: int = 7
    hidden_size: int = 160
    num_layers: int = 4
    vision_layers: int = 3
    num_steps: int = 4000
    lessons_per_step: int = 24
    learning_rate: float = 1.5e-3
    kept_every: int = 100
    """Steps."""

    def __post_init__(self) -> None:
        check(self, at_least(1, most=10**7), "num_steps", "lessons_per_step", "kept_every")
        check(self, at_least(0, most=2**31), "seed")


def make_base(config: PretrainConfig) -> Iterator[Policy]:
    """Gives the policy now and then, and when it is done."""
    lessons = draw_lessons(config)
    policy = _new_policy(config, [lesson for _, lesson in islice(lessons, _LESSONS_READ)])
    model = policy.model
    use_shared_prefix_attention(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    losses: defaultdict[str, list[float]] = defaultdict(list)
    began = time.perf_counter()
    model.train()
    for step in tqdm(range(config.num_steps), desc="pretrain", unit="step", disable=None):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(step, config)
        batch = [next(lessons) for _ in range(config.lessons_per_step)]
        loss, by_lesson = answer_loss(policy, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        for (_, lesson), of in zip(batch, by_lesson.tolist(), strict=True):
            losses[lesson.sample.pretext].append(of[0])
        if (step + 1) % config.kept_every == 0:
            shown = {name: round(float(np.mean(of[-400:])), 3) for name, of in losses.items()}
            logger.info("step %d, %.0f s: %s", step + 1, time.perf_counter() - began, shown)
            yield policy
    model.eval()
    yield policy


def _learning_rate(step: int, config: PretrainConfig) -> float:
    rise = min(1.0, (step + 1) / _WARMUP_STEPS)
    fall = (1 + math.cos(math.pi * step / config.num_steps)) / 2
    return config.learning_rate * rise * max(_LAST_RATE, fall)


def draw_lessons(config: PretrainConfig) -> Iterator[tuple[Scene, Lesson]]:
    """Without end; most are about a scene that others are about too."""
    rng = generator(config.seed, "pretrain", "lessons")
    scenes = [make_scene(config.seed, index) for index in range(_SCENES_HELD)]
    num_made = len(scenes)
    while True:
        place = int(rng.integers(len(scenes)))
        if rng.random() < _NEW_SCENES:
            scenes[place], num_made = make_scene(config.seed, num_made), num_made + 1
        lesson = draw_lesson(scenes[place], rng)
        if lesson is not None:
            yield scenes[place], lesson


def _new_policy(config: PretrainConfig, lessons: Sequence[Lesson]) -> Policy:
    """Its tokenizer knows what is asked."""
    texts = {question for lesson in lessons for question, _ in lesson.questions}
    # Words alone: digits stand one by one.
    texts |= {answer for lesson in lessons for _, answer in lesson.questions if answer.isalpha()}
    frame = ["<|im_start|>system\n", "<|im_start|>user\n", _AFTER_QUESTION, "<10.2 seconds>"]
    return make_tiny_policy(
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        vision_layers=config.vision_layers,
        seed=config.seed,
        # As often as in prompts, where they stand every time.
        texts=[*sorted(texts), *([SYSTEM_PROMPT, *frame] * len(texts))],
    )


def encode_lesson(policy: Policy, scene: Scene, lesson: Lesson) -> EncodedPrompt:
    """The prompt as far as the question, which all questions of a lesson share."""
    sample = replace(lesson.sample, question="")
    videos = [
        ShownVideo(
            apply_edits(scene.frames[view.start_frame : view.stop_frame], view.edits),
            view_timestamps(view, scene.clip),
        )
        for view in sample.views
    ]
    prompt = encode_prompt(policy.processor, render_prompt(policy.processor, sample, videos))
    length = len(prompt.input_ids) - len(policy.processor.tokenizer.encode(_AFTER_QUESTION))
    return replace(
        prompt, input_ids=prompt.input_ids[:length], token_types=prompt.token_types[:length]
    )


def answer_loss(
    policy: Policy, lessons: Sequence[tuple[Scene, Lesson]]
) -> tuple[Float[Tensor, ""], Float[Tensor, "G N"]]:
    """Mean negative log-likelihood of the answers' tokens, of all and of each question."""
    tokenizer = policy.processor.tokenizer
    prompts = [batch_prompts(policy, [encode_lesson(policy, *lesson)]) for lesson in lessons]
    asked = [
        [tokenizer.encode(question + _AFTER_QUESTION) for question, _ in lesson.questions]
        for _, lesson in lessons
    ]
    said = [
        [[*tokenizer.encode(answer), tokenizer.eos_token_id] for _, answer in lesson.questions]
        for _, lesson in lessons
    ]
    # Each lesson is a group: its questions with their answers see the video and themselves.
    row = pack_row(
        prompts,
        [
            [question + answer for question, answer in zip(questions, answers, strict=True)]
            for questions, answers in zip(asked, said, strict=True)
        ],
    )
    logprobs, _ = shared_prefix_logprobs(policy.model, row)
    counts = torch.zeros(logprobs.shape)
    for g, n in np.ndindex(len(lessons), QUESTIONS_PER_LESSON):
        start = len(asked[g][n])
        counts[g, n, start : start + len(said[g][n])] = 1
    counted = -(logprobs * counts)
    return counted.sum() / counts.sum(), (counted.sum(-1) / counts.sum(-1)).detach()
