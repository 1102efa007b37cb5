"""Step 9: the real engine in one process: stage 2 in bfloat16, three updates, its state out and in
again."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.train.shared_prefix import PackedRow, shared_prefix_logprobs
from tasks.train.trainable import make_trainable
from tests.bench.device.layers import LEAST_LAYERS
from tests.bench.device.models import (
    forget_peak,
    make_answers,
    make_policy,
    make_prompts,
    make_row,
    peak_gib,
)
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting

_LAYERS = 12
_BYTES, _BESIDES = 18, 14e9
"""Of a parameter: gradient, float32 weight and moments too, and part of a bucket; activations and
logits. Estimates."""
_UPDATES = 3
_STATE_SECONDS = 35.0
"""For 50 GB to the host and back; an estimate."""


def update(setting: Setting, report: Report) -> None:
    from tasks.train.engine import TrainEngine

    setting = setting.with_layers(_num_layers(setting))
    began = time.perf_counter()
    policy = make_policy(setting.shape, setting.device, torch.bfloat16)
    make_trainable(policy.model, TrainConfig(), seed=0)
    policy.model.train()
    row = make_row(policy, make_prompts(policy, setting.scale), make_answers(policy, setting.scale))
    engine = TrainEngine(policy.model, learning_rate=1e-6, max_grad_norm=1.0, zero_stage=2)
    rotary = {str(b.dtype) for name, b in policy.model.named_buffers() if "inv_freq" in name}
    report.note(
        f"{setting.shape.layers} layers, ready after {time.perf_counter() - began:.1f} s; rotary "
        f"in {rotary}"
    )
    report.table(
        "Updates", "update", "s", "gradient norm", "largest change of a weight", "peak GiB"
    )
    for number in range(_UPDATES):
        _update(setting, report, engine, policy, row, str(number))
    if setting.on_gpu and report.seconds_left < _STATE_SECONDS:
        report.left_out("state out and in", f"{report.seconds_left:.0f} s are left")
        return
    with report.part("state out and in"):
        before = policy.model.lm_head.weight.detach().clone()
        seconds = _out_and_in(engine)
        report.row(
            "state out and in",
            seconds,
            None,
            (policy.model.lm_head.weight - before).abs().max().item(),
            None,
        )
        del before
        _update(setting, report, engine, policy, row, "after it")
    engine.close()


def _update(
    setting: Setting, report: Report, engine: Any, policy: Policy, row: PackedRow, name: str
) -> None:
    before = policy.model.lm_head.weight.detach().clone()
    forget_peak(setting.device)
    began = time.perf_counter()
    logprobs, _ = shared_prefix_logprobs(engine.forward, row, banned_ids=vision_token_ids(policy))
    engine.backward(-logprobs.mean())
    norm = engine.step()
    seconds = time.perf_counter() - began
    change = (policy.model.lm_head.weight.detach() - before).abs().max().item()
    report.row(name, seconds, norm, change, peak_gib(setting.device))


def _out_and_in(engine: Any) -> float:
    """The whole state to the host, and back into the engine."""
    began = time.perf_counter()
    kept: dict[tuple[str, str], Tensor] = {}
    for part in ("weights", "exp_avg", "exp_avg_sq"):
        for name, tensor in engine.state(part):
            kept[part, name] = tensor.to("cpu", copy=True)
    read: Callable[[str, str], Tensor] = lambda part, name: kept[part, name].to(_device())  # noqa: E731
    engine.load_state(engine.num_updates, read)
    return time.perf_counter() - began


def _num_layers(setting: Setting) -> int:
    """As many as one GPU holds with all of AdamW's state."""
    if not setting.on_gpu:
        return _LAYERS
    room = 0.95 * torch.cuda.mem_get_info()[0] - _BESIDES
    sizes = {
        n: replace(setting.shape, layers=n).num_parameters * _BYTES
        for n in range(LEAST_LAYERS, _LAYERS + 1)
    }
    return max((n for n, size in sizes.items() if size <= room), default=LEAST_LAYERS)


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
