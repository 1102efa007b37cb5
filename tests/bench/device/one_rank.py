"""A trainer as one rank of eight has it, without DeepSpeed and without the exchange between
ranks."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen3VLForConditionalGeneration

from tasks.core.config import RolloutConfig, TrainConfig
from tasks.core.types import Sample
from tasks.rollout.engine import RolloutEngine
from tasks.train.loop import Grpo
from tasks.train.ranks import Ranks, balanced_shares
from tasks.train.trainable import Reference
from tests.bench.device.layers import NUM_RANKS
from tests.bench.device.models import forget_peak, make_policy, peak_gib
from tests.bench.device.setting import Setting
from tests.helpers.grpo import make_grpo

PHASES = ("rollout", "reference", "pass", "optimizer")
_NO_ALARM = 10.0
"""A gap of log-probs in bfloat16 is no news here."""


@dataclass(frozen=True)
class Trainer:
    """A trainer and what it trains on."""

    grpo: Grpo
    samples: list[Sample]
    peaks: "Peaks"
    folder: "tempfile.TemporaryDirectory[str]"
    """Of the clips' frames; gone with the trainer."""


@dataclass
class Peaks:
    """Most GiB of each phase of a step, weights included."""

    device: torch.device
    gib: dict[str, float | None] = field(default_factory=dict)

    @contextmanager
    def of(self, phase: str) -> Iterator[None]:
        self.begin()
        yield
        self.end(phase)

    def begin(self) -> None:
        forget_peak(self.device)

    def end(self, phase: str) -> None:
        found = peak_gib(self.device)
        self.gib[phase] = found if found is None else max(found, self.gib.get(phase) or 0.0)


def make_trainer(setting: Setting, microbatch_tokens: int) -> Trainer:
    """With a reference and the transformers engine.

    The reference has other weights: where all rewards are equal, as those of random tokens are, KL
    alone gives a gradient, and arithmetic on zeros is faster.
    """
    scale, peaks = setting.scale, Peaks(setting.device)
    folder = tempfile.TemporaryDirectory(prefix="device-bench-")
    policy, reference = (
        make_policy(setting.shape, setting.device, setting.dtype, seed) for seed in range(2)
    )
    grpo, samples = make_grpo(
        Path(folder.name),
        policy,
        reference,
        config=TrainConfig(microbatch_tokens=microbatch_tokens),
        rollout=RolloutConfig(
            rollouts_per_prompt=scale.num_answers,
            max_answer_tokens=scale.answer_tokens,
            prompts_per_batch=scale.num_prompts,
            logprob_gap_alarm=_NO_ALARM,
        ),
        num_clips=scale.num_prompts,
        num_frames=scale.num_frames,
        side_px=scale.side_px,
        engine=OneOfManyRanks(policy.model, peaks),
    )
    assert grpo.reference is not None
    collector = replace(grpo.collector, engine=_Watched(grpo.collector.engine, peaks))
    grpo = replace(grpo, collector=collector, reference=_watched(grpo.reference, peaks))
    return Trainer(grpo, samples, peaks, folder)


class OneOfManyRanks:
    """All weights and gradients, and of AdamW's float32 state the share of one rank: an
    `Updater`."""

    def __init__(self, model: Qwen3VLForConditionalGeneration, peaks: Peaks) -> None:
        self.ranks = Ranks()
        self._model, self._peaks = model, peaks
        parameters = list(model.parameters())
        share, *_ = balanced_shares([parameter.numel() for parameter in parameters], NUM_RANKS)
        self._own = [parameters[i] for i in share]
        self._masters = [parameter.detach().float().clone() for parameter in self._own]
        self._adamw = torch.optim.AdamW(self._masters, lr=1e-6, weight_decay=0.0)

    @property
    def forward(self) -> Callable[..., Any]:
        self._peaks.begin()
        return self._model

    def set_learning_rate(self, learning_rate: float) -> None:
        self._adamw.param_groups[0]["lr"] = learning_rate

    def backward(self, loss: Tensor) -> None:
        loss.backward()
        self._peaks.end("pass")

    def step(self) -> float:
        with self._peaks.of("optimizer"):
            norm = torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            for master, parameter in zip(self._masters, self._own, strict=True):
                master.grad = None if parameter.grad is None else parameter.grad.float()
            self._adamw.step()
            self._adamw.zero_grad()
            with torch.no_grad():
                for master, parameter in zip(self._masters, self._own, strict=True):
                    parameter.copy_(master)
            self._model.zero_grad(set_to_none=True)
        return float(norm)

    def named_weights(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, parameter.data) for name, parameter in self._model.named_parameters())


class _Watched:
    """A rollout engine whose memory is read."""

    def __init__(self, engine: RolloutEngine, peaks: Peaks) -> None:
        self._engine, self._peaks = engine, peaks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def generate(self, *arguments: Any) -> Any:
        with self._peaks.of("rollout"):
            return self._engine.generate(*arguments)


def _watched(reference: Reference, peaks: Peaks) -> Reference:
    @contextmanager
    def opened() -> Iterator[Qwen3VLForConditionalGeneration]:
        with peaks.of("reference"), reference() as model:
            yield model

    return opened
