"""Step 7: what less recomputation and a compiled decoder block would save, on a model of a few
layers."""

import gc
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.train.shared_prefix import PackedRow, shared_prefix_logprobs
from tasks.train.trainable import make_trainable
from tests.bench.device.models import (
    difference,
    forget_peak,
    make_answers,
    make_policy,
    make_prompts,
    make_row,
    peak_gib,
    seconds_of,
)
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting

_LAYERS = 12
"""Enough to tell what a layer costs; all 36 would not fit with half of them kept."""
_COMPILING_SECONDS = 20.0
"""Less is not worth beginning: two graphs of 16 attention calls on a processor that the GPU waits
for."""


def compare(setting: Setting, report: Report) -> None:
    setting = setting.with_layers(_LAYERS)
    policy = make_policy(setting.shape, setting.device, setting.dtype)
    make_trainable(policy.model, TrainConfig(), seed=0)
    policy.model.train()
    row = make_row(policy, make_prompts(policy, setting.scale), make_answers(policy, setting.scale))
    _recomputed(setting, report, policy, row)
    policy.model.zero_grad(set_to_none=True)
    _compiled(setting, report, policy, row)


def _recomputed(setting: Setting, report: Report, policy: Policy, row: PackedRow) -> None:
    model: Any = policy.model
    decoder = model.model.language_model.layers
    report.table(
        f"{setting.shape.layers} layers on a row of {row.input_ids.shape[1]} tokens",
        "recomputed",
        "forward and backward, s",
        "peak GiB",
    )

    def work() -> None:
        logprobs, _ = shared_prefix_logprobs(model, row, banned_ids=vision_token_ids(policy))
        logprobs.sum().backward()
        model.zero_grad(set_to_none=True)

    def look(what: str, prepare: Callable[[], None]) -> Callable[[], None]:
        def measure() -> None:
            model.gradient_checkpointing_enable()
            prepare()
            gc.collect()
            forget_peak(setting.device)
            report.row(what, seconds_of(work, repeats=2), peak_gib(setting.device))

        return measure

    def keep(every: int) -> Callable[[], None]:
        """Layers of the decoder alone: `every` 1 keeps all of them."""

        def prepare() -> None:
            for number, layer in enumerate(decoder):
                layer.gradient_checkpointing = number % every == 1 if every > 1 else False

        return prepare

    everything, halves = (
        "every layer",
        "every second layer, of tower and decoder (every_n_layers=2)",
    )
    half, nothing = "the tower, and every second layer of the decoder", "the tower alone"
    why = setting.why_not("every n layers")
    report.parts(
        [
            (everything, None, look(everything, lambda: None)),
            (
                halves,
                why,
                look(halves, lambda: model.gradient_checkpointing_enable(every_n_layers=2)),
            ),
            (half, None, look(half, keep(2))),
            (nothing, None, look(nothing, keep(1))),
        ]
    )
    model.gradient_checkpointing_disable()


def _compiled(setting: Setting, report: Report, policy: Policy, row: PackedRow) -> None:
    language: Any = policy.model.model.language_model
    block = language.layers[0]
    torch.manual_seed(0)
    size = (1, row.input_ids.shape[1], setting.shape.hidden)
    hidden = torch.randn(*size, device=setting.device, dtype=setting.dtype, requires_grad=True)
    positions = language.rotary_emb(hidden, row.position_ids)
    report.table(
        "One block on that row, as it is and compiled (the row's groups as they are: fixed shapes)",
        "block",
        "forward, ms",
        "forward and backward, ms",
        "GiB kept for the backward pass",
        "output: relative difference",
        "s before the first result",
    )

    def call(function: Any) -> Tensor:
        found: Tensor = function(
            hidden, position_embeddings=positions, attention_mask=None, spans=row.spans
        )
        return found

    def look(what: str, function: Any, expected: Tensor | None) -> Tensor:
        began = time.perf_counter()
        output = call(function)
        output.float().square().mean().backward()
        before = _allocated(setting)
        first = time.perf_counter() - began
        kept_by = call(function)
        kept = _allocated(setting) - before if setting.on_gpu else None
        del kept_by
        forward = seconds_of(lambda: call(function))
        both = seconds_of(lambda: call(function).float().square().mean().backward())
        gap = 0.0 if expected is None else difference(output, expected)
        report.row(what, 1e3 * forward, 1e3 * both, kept, gap, first)
        return output.detach()

    expected = look("as it is", block, None)
    why = setting.why_not("compiler")
    if why is None and report.seconds_left < _COMPILING_SECONDS:
        why = f"{report.seconds_left:.0f} s are left"
    compiled = torch.compile(block, dynamic=False)
    report.parts([("compiled", why, lambda: (look("compiled", compiled, expected), None)[1])])


def _allocated(setting: Setting) -> float:
    if not setting.on_gpu:
        return 0.0
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated() / 2**30
