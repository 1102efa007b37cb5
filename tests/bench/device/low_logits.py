"""Step 8: is the published NaN of cuDNN's masked backward pass here?

Reported for torch 2.11 to 2.13 on H100 and H200: with a mask, a number of keys that is 64 more than
a multiple of 128, and rows whose log of summed exponentials lies below -88.7, the gradient of the
queries is not a number. The answers' attention is such a call, and one of a step's lengths is such
a number about every second step.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from tasks.train.shared_prefix import response_mask
from tests.bench.device.models import difference
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting

_LENGTHS = [15] * 8
_KEYS = (2112, 2176, 2120)
"""64 more than a multiple of 128; a multiple; neither."""
_LOGITS = (-120.0, 0.0)


def look(setting: Setting, report: Report) -> None:
    without = setting.why_not("cuda")
    report.table(
        "Values that are not numbers, of one masked call of a group",
        "keys",
        "keys % 128",
        "logits near",
        "kernel",
        "in the output",
        "in the query's gradient",
        "in the key's",
        "in the value's",
        "query's gradient against float32",
    )
    for num_keys in _KEYS:
        for logit in _LOGITS:
            case = _Case(setting, num_keys, logit)
            kernels: list[tuple[str, str | None, Callable[[], AbstractContextManager[Any]]]] = [
                ("cuDNN", without, lambda: sdpa_kernel(SDPBackend.CUDNN_ATTENTION)),
                ("as torch chooses", None, nullcontext),
                ("math", None, lambda: sdpa_kernel(SDPBackend.MATH)),
            ]
            report.parts(
                [
                    (
                        f"{num_keys}, logits near {logit:.0f}, {name}",
                        why,
                        case.look(report, name, only),
                    )
                    for name, why, only in kernels
                ]
            )


class _Case:
    """Queries and keys that point away from each other."""

    def __init__(self, setting: Setting, num_keys: int, logit: float) -> None:
        shape = setting.shape
        self._num_keys, self._logit = num_keys, logit
        torch.manual_seed(num_keys)
        direction = torch.nn.functional.normalize(
            torch.randn(shape.head_size, device=setting.device), dim=0
        )
        length = (abs(logit) * shape.head_size**0.5) ** 0.5  # so that q k / sqrt(E) is the logit

        def heads(count: int, tokens: int, sign: float) -> Tensor:
            noise = torch.randn(1, count, tokens, shape.head_size, device=setting.device)
            return (sign * length * direction + noise).to(torch.bfloat16)

        num_queries = sum(_LENGTHS)
        self._leaves = [
            heads(shape.heads, num_queries, 1.0),
            heads(shape.kv_heads, num_keys, -1.0),
            heads(shape.kv_heads, num_keys, 0.0),
        ]
        self._mask = response_mask(num_keys - num_queries, _LENGTHS, setting.device)
        with sdpa_kernel(SDPBackend.MATH):
            self._expected = self._results([leaf.float() for leaf in self._leaves])

    def look(
        self, report: Report, kernel: str, only: Callable[[], AbstractContextManager[Any]]
    ) -> Callable[[], None]:
        def work() -> None:
            with only():
                found = self._results(self._leaves)
            bad = [int((~tensor.isfinite()).sum()) for tensor in found]
            cells = (self._num_keys, self._num_keys % 128, str(int(self._logit)), kernel)
            report.row(*cells, *bad, difference(found[1], self._expected[1]))

        return work

    def _results(self, tensors: list[Tensor]) -> list[Tensor]:
        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        query, key, value = leaves
        output = scaled_dot_product_attention(
            query, key, value, attn_mask=self._mask, enable_gqa=True
        )
        output.float().square().sum().backward()
        return [output.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]
