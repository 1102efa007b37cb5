"""What a step costs as its parts grow: answers a group, prompt length, prompts a step, ranks.

The 25 million parameter model of the comparison with TRL. Each row is the median of some steps
after one to warm up.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from tasks.core.config import RolloutConfig, TrainConfig
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.training import TrainStep
from tasks.core.types import Sample
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.source import PromptMaker, PromptsAhead, PromptSource
from tasks.train.draw import StepSamples
from tasks.train.loop import Grpo
from tests.helpers.grpo import make_grpo
from tests.helpers.training import on_two_ranks

NUM_STEPS = int(os.environ.get("NUM", "3"))
CONFIG = TrainConfig(kl_coefficient=1e-3, zero_stage=0, gradient_checkpointing=False)
ROLLOUT = RolloutConfig(max_answer_tokens=12)
HEADER = (
    "step, s | wait | rollout | reference | update | prompt tokens | answer tokens |\n"
    + "|---" * 8
    + "|"
)


def test_answers_in_a_group(tmp_path: Path) -> None:
    grpo, samples = _grpo(tmp_path, num_clips=2)
    print(f"\n| answers a group (2 prompts) | {HEADER}")
    for num in (2, 4, 8, 16):  # one answer has nobody to be better than
        params = replace(grpo.collector.params, num_completions=num, temperature=1.0)
        sampling = replace(grpo.collector, params=params)
        _print_row(num, replace(grpo, collector=sampling), samples)


def test_prompt_length(tmp_path: Path) -> None:
    print(f"\n| frames of 128x128 (2 prompts of 8 answers) | {HEADER}")
    for num in (8, 16, 32, 64):
        grpo, samples = _grpo(tmp_path / str(num), num_clips=2, num_frames=num)
        _print_row(num, grpo, samples)


def test_prompts_in_a_step(tmp_path: Path) -> None:
    grpo, samples = _grpo(tmp_path, num_clips=8)
    print(f"\n| prompts a step (8 answers each) | {HEADER}")
    for num in (1, 2, 4, 8):
        _print_row(num, grpo, samples[:num])


def test_ranks(tmp_path: Path) -> None:
    """One thread each, so that both ranks have a core of their own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone, samples = _grpo(tmp_path / "alone", num_clips=4)
    print(f"\n| ranks of one thread (4 prompts of 8 answers) | {HEADER}")
    _print_row(1, alone, samples)
    torch.set_num_threads(threads)
    on_two_ranks(_run_rank, tmp_path)
    print((tmp_path / "row").read_text())


def test_prompts_made_ahead(tmp_path: Path) -> None:
    """A small model on one thread, so that prompts are a good part of a step, and a core is left to
    make them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    policy = make_tiny_policy(hidden_size=64, num_layers=2, seed=0, texts=[SYSTEM_PROMPT])
    grpo, samples = make_grpo(
        tmp_path,
        policy,
        None,
        config=CONFIG,
        rollout=ROLLOUT,
        num_clips=8,
        num_frames=48,
        side_px=256,
    )
    maker = grpo.collector.prompts
    assert isinstance(maker, PromptMaker)
    print(f"\n| processes that make prompts (8 prompts of 256x256) | {HEADER}")
    for num in (0, 1):
        source: PromptSource = PromptsAhead(maker, num) if num else maker
        _print_row(num, replace(grpo, collector=replace(grpo.collector, prompts=source)), samples)
        source.close()
    torch.set_num_threads(threads)


def _run_rank(folder: Path) -> None:
    grpo, samples = _grpo(folder / os.environ["RANK"], num_clips=4)
    row = _row(2, grpo, samples)
    if grpo.engine.ranks.is_first:
        (folder / "row").write_text(row)


def _policy() -> Policy:
    return make_tiny_policy(hidden_size=512, num_layers=9, seed=0, texts=[SYSTEM_PROMPT])


def _grpo(folder: Path, *, num_clips: int, num_frames: int = 48) -> tuple[Grpo, list[Sample]]:
    return make_grpo(
        folder,
        _policy(),
        _policy(),
        config=CONFIG,
        rollout=ROLLOUT,
        num_clips=num_clips,
        num_frames=num_frames,
        side_px=128,
    )


def _print_row(value: int, grpo: Grpo, samples: Sequence[Sample]) -> None:
    print(_row(value, grpo, samples), flush=True)


def _row(value: int, grpo: Grpo, samples: Sequence[Sample]) -> str:
    steps: list[tuple[float, TrainStep]] = []
    for number in range(1 + NUM_STEPS):
        began = time.perf_counter()
        step = grpo.step(number, StepSamples(samples, following=samples))
        steps.append((time.perf_counter() - began, step))
    steps = steps[1:]
    cells = [str(value), f"{median(seconds for seconds, _ in steps):.2f}"]
    for phase in ("wait", "rollout", "reference", "update"):
        cells.append(f"{median(step.seconds[phase] for _, step in steps):.2f}")
    last = steps[-1][1]
    counts = (last.metrics[f"cost/tokens_{kind}"] for kind in ("prompt", "answer"))
    return f"| {' | '.join([*cells, *(f'{count:.0f}' for count in counts)])} |"
