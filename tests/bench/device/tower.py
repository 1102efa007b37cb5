"""Step 6, first part: the vision tower by one call for each frame pair, as it is, and by one call
for all."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface

from tests.bench.device.models import difference, forget_peak, make_policy, peak_gib, seconds_of
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting, varlen_attention

VARLEN = "flash_by_varlen"
"""transformers hands the frames' lengths over to whatever has `flash` in its name."""
_ANY = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_CUDNN_FIRST = [SDPBackend.CUDNN_ATTENTION, *_ANY]
_LAYERS = 4
"""Of the decoder, which is not used."""


def compare(setting: Setting, report: Report) -> None:
    tower = Tower(setting, varlen_attention())
    report.table(
        f"The tower on {setting.scale.num_patches} patches, recomputed in the backward pass",
        "attention",
        "forward, s",
        "forward and backward, s",
        "peak GiB",
        "output: relative difference",
        "gradient",
    )
    without, varlen = setting.why_not("cuda"), setting.why_not("varlen")
    loop = tower.run(nullcontext if without else lambda: sdpa_kernel(_ANY))
    report.row("a call for each frame pair, without cuDNN", *_cells(loop, loop))

    def look(what: str, backends: Any, implementation: str) -> tuple[str, Callable[[], None]]:
        def work() -> None:
            report.row(what, *_cells(tower.run(backends, implementation), loop))

        return what, work

    first = look(
        "a call for each frame pair, cuDNN first",
        lambda: sdpa_kernel(_CUDNN_FIRST, set_priority=True),
        "sdpa",
    )
    second = look("one call of varlen_attn", nullcontext, VARLEN)
    report.parts([(first[0], without, first[1]), (second[0], varlen, second[1])])


def by_varlen(attention: Callable[..., Any]) -> Callable[..., tuple[Tensor, None]]:
    """`attention` over sequences of any lengths, in transformers' interface: (1, heads, patches,
    values) in."""

    def forward(
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        *,
        cu_seq_lens_q: Tensor,
        cu_seq_lens_k: Tensor,
        max_length_q: int,
        max_length_k: int,
        scaling: float | None = None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        rows = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
        lengths = (cu_seq_lens_q.int(), cu_seq_lens_k.int())
        return attention(*rows, *lengths, int(max_length_q), int(max_length_k), scale=scaling)[
            None
        ], None

    return forward


@dataclass(frozen=True)
class Run:
    forward_seconds: float
    seconds: float
    peak: float | None
    output: Tensor
    gradient: Tensor


class Tower:
    """The tower of the policy, in training mode, and patches for all prompts."""

    def __init__(self, setting: Setting, varlen: Any) -> None:
        self._device = setting.device
        if varlen is not None:
            AttentionInterface.register(VARLEN, by_varlen(varlen))
        model = make_policy(
            setting.with_layers(_LAYERS).shape, setting.device, setting.dtype
        ).model.train()
        model.gradient_checkpointing_enable()
        self._tower: Any = model.model.visual
        scale, side = setting.scale, setting.scale.side_px // 16
        torch.manual_seed(0)
        values = self._tower.config.in_channels * self._tower.config.temporal_patch_size * 16 * 16
        self._patches = torch.randn(
            scale.num_patches, values, device=setting.device, dtype=setting.dtype
        )
        self._grid = torch.tensor(
            [[scale.num_frames // 2, side, side]] * scale.num_prompts, device=setting.device
        )

    def run(
        self, backends: Callable[[], AbstractContextManager[Any]], implementation: str = "sdpa"
    ) -> Run:
        self._tower.config._attn_implementation = implementation
        try:
            with backends():
                return self._run()
        finally:
            self._tower.config._attn_implementation = "sdpa"

    def _run(self) -> Run:
        with torch.no_grad():
            forward_seconds = seconds_of(self._output)
            output = self._output().float().cpu()
        forget_peak(self._device)
        seconds = seconds_of(self._both)
        peak = peak_gib(self._device)
        gradients = [
            p.grad.float().flatten().cpu() for p in self._tower.parameters() if p.grad is not None
        ]
        return Run(forward_seconds, seconds, peak, output, torch.cat(gradients))

    def _output(self) -> Tensor:
        output = self._tower(self._patches, grid_thw=self._grid)
        found: Tensor = output.pooler_output
        return found

    def _both(self) -> None:
        self._tower.zero_grad(set_to_none=True)
        self._output().float().square().mean().backward()


def _cells(run: Run, reference: Run) -> list[Any]:
    return [
        run.forward_seconds,
        run.seconds,
        run.peak,
        difference(run.output, reference.output),
        difference(run.gradient, reference.gradient),
    ]
