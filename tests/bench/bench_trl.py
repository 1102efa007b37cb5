"""Ours against TRL's GRPOTrainer: the same model, the same number of prompt and vision tokens, the
same group size.

TRL takes images, so a video's 24 pairs of frames become 24 images with the times as text between
them: as many patches and vision tokens as ours. Each runs in a process of its own on all cores, in
turn. The first step of each warms up and is left out.
"""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from tasks.core.config import RolloutConfig, TrainConfig
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.inputs import encode_prompt
from tasks.train.draw import StepSamples
from tests.helpers.clips import make_frames
from tests.helpers.grpo import make_grpo

NUM_STEPS = int(os.environ.get("NUM", "3"))
GROUP_SIZE, PROMPTS_PER_STEP, ANSWER_TOKENS, SIDE_PX, NUM_FRAMES = 8, 2, 12, 128, 48
LEARNING_RATE, KL = 1e-6, 1e-3


@dataclass(frozen=True)
class Measured:
    parameters: int
    prompt_tokens: int
    step_seconds: float
    update_seconds: float
    """Of a group: forward, backward and its share of the optimizer step, without the reference."""
    rest_seconds: float
    """Of a step: generation, reference, scoring, rendering and processing."""
    peak_mib: float


def test_against_trl(tmp_path: Path) -> None:
    ours = _in_process(_ours, tmp_path / "ours", 0)
    trl = _in_process(_trl, tmp_path / "trl", ours.prompt_tokens)
    print(
        f"\n{ours.parameters / 1e6:.1f} M parameters, {PROMPTS_PER_STEP} groups of {GROUP_SIZE}, "
        f"{NUM_STEPS} steps\n"
    )
    print(
        "| | prompt tokens | update, s a group | rest, s a step | step, s | peak MiB "
        "|\n|---|---|---|---|---|---|"
    )
    for name, found in (("TRL", trl), ("ours", ours)):
        print(
            f"| {name} | {found.prompt_tokens} | {found.update_seconds:.2f} | "
            f"{found.rest_seconds:.2f} | {found.step_seconds:.2f} | {found.peak_mib:.0f} |"
        )
    print(
        f"| TRL / ours | | {trl.update_seconds / ours.update_seconds:.1f} | "
        f"{trl.rest_seconds / ours.rest_seconds:.1f} | {trl.step_seconds / ours.step_seconds:.1f} "
        f"| {trl.peak_mib / ours.peak_mib:.1f} |"
    )


def _in_process(
    work: Callable[[Path, int], Measured], folder: Path, prompt_tokens: int
) -> Measured:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (folder, prompt_tokens))


def _policy() -> Policy:
    return make_tiny_policy(hidden_size=512, num_layers=9, seed=0, texts=[SYSTEM_PROMPT])


def _parameters(policy: Policy) -> int:
    return sum(parameter.numel() for parameter in policy.model.parameters())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _ours(folder: Path, _: int) -> Measured:
    policy = _policy()
    grpo, samples = make_grpo(
        folder,
        policy,
        _policy(),
        config=TrainConfig(
            learning_rate=LEARNING_RATE,
            kl_coefficient=KL,
            zero_stage=0,
            gradient_checkpointing=False,
        ),
        rollout=RolloutConfig(rollouts_per_prompt=GROUP_SIZE, max_answer_tokens=ANSWER_TOKENS),
        num_clips=PROMPTS_PER_STEP,
        num_frames=NUM_FRAMES,
        side_px=SIDE_PX,
    )
    first = grpo.collector.take(samples[:1]).prompts[0][1]
    seconds, rows = [], []
    for number in range(1 + NUM_STEPS):
        started = time.perf_counter()
        rows.append(grpo.step(number, StepSamples(samples)))
        seconds.append(time.perf_counter() - started)
    rows, seconds = rows[1:], seconds[1:]
    return Measured(
        parameters=_parameters(policy),
        prompt_tokens=len(encode_prompt(policy.processor, first).input_ids),
        step_seconds=median(seconds),
        update_seconds=median(row.seconds["update"] for row in rows) / PROMPTS_PER_STEP,
        rest_seconds=median(
            whole - row.seconds["update"] for whole, row in zip(seconds, rows, strict=True)
        ),
        peak_mib=_peak_mib(),
    )


def _trl(folder: Path, prompt_tokens: int) -> Measured:
    import datasets
    from PIL import Image
    from trl import GRPOConfig, GRPOTrainer

    policy = _policy()
    frames = [
        Image.fromarray(frame)
        for frame in make_frames(NUM_FRAMES, height_px=SIDE_PX, width_px=SIDE_PX)[::2]
    ]
    question, images = _question(policy, frames, prompt_tokens)
    policy.model.save_pretrained(folder / "model")
    policy.processor.save_pretrained(folder / "model")

    class Timed(GRPOTrainer):  # type: ignore[misc]
        steps: list[float]
        answering: list[float]
        before: float

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            started = time.perf_counter()
            result = super()._generate_and_score_completions(inputs)
            self.answering.append(time.perf_counter() - started)
            return result

        def log(self, *args: Any, **options: Any) -> None:
            """Called once after each step."""
            self.steps.append(time.perf_counter() - self.before)
            self.before = time.perf_counter()

    row = {"prompt": [{"role": "user", "content": question}], "images": images}
    trainer = Timed(
        model=str(folder / "model"),
        reward_funcs=lambda completions, **_: [float(i % 2) for i in range(len(completions))],
        args=GRPOConfig(
            output_dir=str(folder / "out"),
            per_device_train_batch_size=GROUP_SIZE,
            gradient_accumulation_steps=PROMPTS_PER_STEP,
            num_generations=GROUP_SIZE,
            max_completion_length=ANSWER_TOKENS,
            beta=KL,
            learning_rate=LEARNING_RATE,
            max_steps=1 + NUM_STEPS,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            disable_tqdm=True,
            model_init_kwargs={"dtype": "float32"},
        ),
        train_dataset=datasets.Dataset.from_list([row] * 8),
        processing_class=policy.processor,
    )
    trainer.steps, trainer.answering, trainer.before = [], [], time.perf_counter()
    trainer.train()
    pairs = list(zip(trainer.steps, trainer.answering, strict=False))[1 : 1 + NUM_STEPS]
    return Measured(
        parameters=_parameters(policy),
        prompt_tokens=_num_tokens(policy, question, images),
        step_seconds=median(step for step, _ in pairs),
        update_seconds=median(step - answering for step, answering in pairs) / PROMPTS_PER_STEP,
        rest_seconds=median(answering for _, answering in pairs),
        peak_mib=_peak_mib(),
    )


def _question(
    policy: Policy, frames: list[Any], prompt_tokens: int
) -> tuple[list[dict[str, str]], list[Any]]:
    """Times and images in turn, and text that makes the prompt as long as ours."""
    content: list[dict[str, str]] = []
    for index, _ in enumerate(frames):
        content += [{"type": "text", "text": f"<{index:.1f} seconds>"}, {"type": "image"}]
    filler = 0
    while (
        _num_tokens(policy, [*content, {"type": "text", "text": "?" * filler}], frames)
        < prompt_tokens
    ):
        filler += 1
    return [*content, {"type": "text", "text": "?" * filler}], frames


def _num_tokens(policy: Policy, content: list[dict[str, str]], images: list[Any]) -> int:
    text = policy.processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    return int(
        policy.processor(text=[text], images=images, return_tensors="pt")["input_ids"].shape[1]
    )
