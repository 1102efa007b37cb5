"""Step 1: does it start, and do the weights take what arithmetic says?"""

import time

import torch

from tests.bench.device.models import forget_peak, peak_gib
from tests.bench.device.one_rank import make_trainer
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting


def build(setting: Setting, report: Report) -> None:
    forget_peak(setting.device)
    began = time.perf_counter()
    trainer = make_trainer(setting, setting.scale.microbatch_tokens)
    if setting.on_gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    model = trainer.grpo.policy.model
    num = sum(parameter.numel() for parameter in model.parameters())
    buffers = {
        str(buffer.dtype).removeprefix("torch.")
        for name, buffer in model.named_buffers()
        if "inv_freq" in name
    }
    report.table("Policy, reference, and AdamW's state of one rank of eight", "what", "found")
    report.row("parameters of a model, billions", num / 1e9)
    report.row("type of weights", str(setting.dtype).removeprefix("torch."))
    report.row("type of rotary frequencies", ", ".join(sorted(buffers)))
    report.row("seconds to build", seconds)
    if setting.on_gpu:
        report.row("GiB held", torch.cuda.memory_allocated() / 2**30)
        report.row("GiB at most while building", peak_gib(setting.device))
        report.row("GiB by arithmetic, moments not yet made", num * (2 * 2 + 4 / 8) / 2**30)
        report.row("GiB free on the card", torch.cuda.mem_get_info()[0] / 2**30)
