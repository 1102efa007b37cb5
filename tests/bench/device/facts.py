"""Step 0: what is here, and what will be left out for it. Importing all that the others need comes
with it."""

import os
import platform
import sys
import time

import numpy
import torch
import transformers

from tests.bench.device.layers import SMALL_SHAPE, explain
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting

_WITHOUT = {
    "cuda": "all that runs on a GPU alone",
    "deepspeed": "step 9",
    "compiler": "torch.compile",
    "varlen": "varlen attention",
    "gqa in varlen": "varlen attention told of fewer K/V heads (tried without being told)",
    "given features": "the check with vision features computed before",
    "every n layers": "recomputing every other layer",
}


def tell(setting: Setting, report: Report) -> None:
    from tests.bench.device import (  # noqa: F401
        attention,
        block,
        exact,
        low_logits,
        one_rank,
        prefix,
        start,
        training,
    )

    imported = time.monotonic() - report.began
    report.table("This machine", "what", "found")
    report.row("Python", platform.python_version())
    report.row(
        "torch, CUDA, cuDNN",
        f"{torch.__version__}, {torch.version.cuda}, {torch.backends.cudnn.version()}",
    )
    report.row("transformers, numpy", f"{transformers.__version__}, {numpy.__version__}")
    report.row("processor cores", os.cpu_count())
    layers, is_large = setting.shape.layers, setting.shape.hidden > SMALL_SHAPE.hidden
    if setting.on_gpu:
        free, total = torch.cuda.mem_get_info()
        report.row("GPU", f"{torch.cuda.get_device_name()}, {torch.cuda.get_device_capability()}")
        report.row("memory", f"{free / 1e9:.0f} of {total / 1e9:.0f} GB free")
        report.row(
            "model",
            explain(layers, free) if is_large else "small: asked for, or memory for no more",
        )
    else:
        report.row(
            "model",
            f"small, {setting.shape.num_parameters / 1e6:.1f} million parameters, float32 (no GPU)",
        )
    report.row("importing, s", imported)
    for thing, why in setting.missing.items():
        report.left_out(_WITHOUT[thing], why)
    report.facts({"layers": layers if is_large else None, "missing": dict(setting.missing)})
    print(sys.version, file=sys.stderr)
