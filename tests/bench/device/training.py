"""Steps 3 to 5: whole training steps, one row of the table each, so that the first one's plans and
warm-up show."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from tasks.train.draw import StepSamples
from tests.bench.device.one_rank import PHASES, Trainer, make_trainer
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting

_TOP_KERNELS = 15
_PROFILED_COSTS = 2.5
"""A profiled step takes longer, and reading what was recorded takes about as long again."""
_TIMES = ("wait", "rollout", "reference", "update", "push")
_NS_PER_S = 1e9


@dataclass(frozen=True)
class _Step:
    seconds: float
    row: Any


def cudnn_first(setting: Setting, report: Report) -> None:
    report.note(
        "Both steps see the same shapes; those of a run are new at every step. So the first row "
        "less the second, and less the same difference with cuDNN last, is what building plans "
        "costs a run at every step."
    )
    _measure(setting, report, num_steps=2, microbatch_tokens=setting.scale.microbatch_tokens)


def cudnn_last(setting: Setting, report: Report) -> None:
    _measure(setting, report, num_steps=4, microbatch_tokens=setting.scale.microbatch_tokens)


def one_row(setting: Setting, report: Report) -> None:
    _measure(
        setting, report, num_steps=4, microbatch_tokens=setting.scale.long_tokens, profiled=False
    )


def _measure(
    setting: Setting,
    report: Report,
    *,
    num_steps: int,
    microbatch_tokens: int,
    profiled: bool = True,
) -> None:
    trainer = make_trainer(setting, microbatch_tokens)
    report.table(
        f"{num_steps} steps of {setting.scale.num_prompts} prompts, micro-batches of up to "
        f"{microbatch_tokens} tokens",
        "step",
        "s",
        *(f"{phase}, s" for phase in _TIMES),
        "in no phase, s",
        "MFU of the update",
        "gradient norm",
        *(f"{phase}, peak GiB" for phase in PHASES),
    )
    steps: list[_Step] = []
    for number in range(num_steps):
        if steps and report.seconds_left < 1.3 * steps[-1].seconds:
            report.left_out(f"step {number}", f"{report.seconds_left:.0f} s are left")
            break
        steps.append(_one_step(trainer, number))
        report.row(str(number), *_cells(trainer, steps[-1:]))
    if len(steps) > 2:
        report.row("median without the first", *_cells(trainer, steps[1:]))
    last = steps[-1].row.metrics
    prompt, answer, vision = (
        last[f"cost/tokens_{kind}"] for kind in ("prompt", "answer", "vision")
    )
    report.note(
        f"{prompt:.0f} prompt tokens, {answer:.0f} answer tokens, {vision:.0f} of pictures; "
        f"updates left out: {sum(step.row.skipped for step in steps)}; "
        f"log-prob gap {last['rollout/logprob_gap_mean']:.2g} nats."
    )
    if not profiled:
        return
    if report.seconds_left < _PROFILED_COSTS * steps[-1].seconds + 5:
        report.left_out("a profiled step", f"{report.seconds_left:.0f} s are left")
        return
    with report.part("a profiled step"):
        _profile(trainer, setting, report)


def _one_step(trainer: Trainer, number: int) -> _Step:
    trainer.peaks.gib.clear()
    began = time.perf_counter()
    row = trainer.grpo.step(number, StepSamples(trainer.samples))
    return _Step(time.perf_counter() - began, row)


def _cells(trainer: Trainer, steps: list[_Step]) -> list[Any]:
    """Of several steps the medians, with the peaks of the last one."""
    outside = median(step.seconds - sum(step.row.seconds.values()) for step in steps)
    mfu = median(step.row.metrics.get("cost/mfu", 0.0) for step in steps)
    return [
        median(step.seconds for step in steps),
        *(median(step.row.seconds[phase] for step in steps) for phase in _TIMES),
        outside,
        f"{mfu:.1%}" if mfu else None,
        float(steps[-1].row.grad_norm),
        *(trainer.peaks.gib.get(phase) for phase in PHASES),
    ]


def _profile(trainer: Trainer, setting: Setting, report: Report) -> None:
    """The kernels that take longest, and how busy the device is: what is left is the host's."""
    activity, device = (
        (ProfilerActivity.CUDA, DeviceType.CUDA)
        if setting.on_gpu
        else (ProfilerActivity.CPU, DeviceType.CPU)
    )
    with profile(activities=[activity]) as profiler:
        step = _one_step(trainer, 100)
    # Not key_averages(): it first makes a tree of all events, which takes minutes for so many.
    results: Any = profiler.profiler
    times, calls = kernel_times(results.kineto_results.events(), device)
    busy = sum(times.values())
    share = (
        f"the device is busy for {busy / step.seconds:.0%} of it"
        if setting.on_gpu
        else "a CPU's operators, nested"
    )
    report.table(
        f"A profiled step of {step.seconds:.2f} s, {share}",
        "kernel",
        "s",
        "of all kernels",
        "calls",
    )
    for name, seconds in times.most_common(_TOP_KERNELS):
        report.row(name[:120], seconds, f"{seconds / busy:.1%}", calls[name])


def kernel_times(events: Iterable[Any], device: DeviceType) -> tuple[Counter[str], Counter[str]]:
    """Seconds and calls by name, of what ran on `device`."""
    times: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for event in events:
        if (
            event.device_type() == device and not event.is_user_annotation()
        ):  # those stand for several kernels
            times[event.name()] += event.duration_ns() / _NS_PER_S  # type: ignore[assignment]
            calls[event.name()] += 1
    return times, calls
