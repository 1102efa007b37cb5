"""Step 6: which attention kernel is fast and right, for the tower, for prompts and for answers.

Shapes are those of one decoder layer over a row of all groups. Each way is compared with the same
in float32 by torch's plain formula. Dimensions: G groups, N answers a group, P prompt tokens, R
tokens of an answer, H heads, J heads of keys and values, E values a head.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from tasks.train.shared_prefix import response_mask
from tests.bench.device import tower
from tests.bench.device.models import difference, seconds_of
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting, varlen_attention

Heads = tuple[Tensor, Tensor, Tensor]
"""Query (H, tokens, E), key and value (J, tokens, E) of one group."""
Way = Callable[[Sequence[Heads]], Tensor]
"""From all groups to all outputs, (tokens, H, E)."""
_PROMPT_TOKENS = (2000, 96)
"""Of the real prompts, and on a CPU."""
_FLASH, _CUDNN, _MATH = SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH
_EFFICIENT = SDPBackend.EFFICIENT_ATTENTION


def compare(setting: Setting, report: Report) -> None:
    with report.part("the tower"):
        tower.compare(setting, report)
    case = Case.of(setting, varlen_attention())
    cuda, varlen, gqa = (setting.why_not(thing) for thing in ("cuda", "varlen", "gqa in varlen"))
    told: dict[str, Any] = {} if gqa else {"enable_gqa": True}
    hint = "" if told else " (not told of fewer K/V heads)"
    _table(
        report,
        "Prompts: causal",
        case.prompts,
        Prompts(case).in_groups(repeats=False),
        [
            ("a call a group, flash", cuda, _FLASH, Prompts(case).in_groups(repeats=False)),
            ("a call a group, cuDNN", cuda, _CUDNN, Prompts(case).in_groups(repeats=False)),
            ("a call a group, math", None, _MATH, Prompts(case).in_groups(repeats=False)),
            (
                f"one varlen call{hint}",
                varlen,
                None,
                Prompts(case).in_one_call(told, repeats=False),
            ),
            (
                "one varlen call, K/V repeated",
                varlen,
                None,
                Prompts(case).in_one_call({}, repeats=True),
            ),
        ],
    )
    _table(
        report,
        "Answers: each sees its prompt and itself",
        case.answers,
        Answers(case).in_groups(repeats=False),
        [
            (
                "a masked call a group, as torch chooses",
                cuda,
                None,
                Answers(case).in_groups(repeats=False),
            ),
            ("a masked call a group, cuDNN", cuda, _CUDNN, Answers(case).in_groups(repeats=False)),
            ("a masked call a group, math", None, _MATH, Answers(case).in_groups(repeats=False)),
            (
                "K/V repeated, memory-efficient",
                cuda,
                _EFFICIENT,
                Answers(case).in_groups(repeats=True),
            ),
            (
                f"one varlen call, K/V gathered{hint}",
                varlen,
                None,
                Answers(case).in_one_call(told, repeats=False),
            ),
            (
                "one varlen call, K/V gathered and repeated",
                varlen,
                None,
                Answers(case).in_one_call({}, repeats=True),
            ),
        ],
    )


@dataclass(frozen=True)
class Case:
    """Random heads: `prompts` ask and answer among themselves, `answers` ask of prompt and
    answers."""

    prompts: list[Heads]
    answers: list[Heads]
    num_prompt: int
    lengths: list[int]
    repeats: int
    """Heads of queries for one of keys."""
    varlen: Any
    """Attention over sequences of any lengths."""

    @classmethod
    def of(cls, setting: Setting, varlen: Any) -> "Case":
        shape, scale = setting.shape, setting.scale
        num_prompt = _PROMPT_TOKENS[not setting.on_gpu]
        lengths = [scale.answer_tokens] * scale.num_answers
        torch.manual_seed(0)

        def heads(num_queries: int, num_keys: int) -> Heads:
            sizes = (
                (shape.heads, num_queries),
                (shape.kv_heads, num_keys),
                (shape.kv_heads, num_keys),
            )
            query, key, value = (
                torch.randn(*size, shape.head_size, device=setting.device, dtype=setting.dtype)
                for size in sizes
            )
            return query, key, value

        return cls(
            prompts=[heads(num_prompt, num_prompt) for _ in range(scale.num_prompts)],
            answers=[
                heads(sum(lengths), num_prompt + sum(lengths)) for _ in range(scale.num_prompts)
            ],
            num_prompt=num_prompt,
            lengths=lengths,
            repeats=shape.heads // shape.kv_heads,
            varlen=varlen,
        )

    @property
    def device(self) -> torch.device:
        return self.prompts[0][0].device

    def repeated(self, tensor: Tensor) -> Tensor:
        """(J, tokens, E) as (H, tokens, E)."""
        return tensor.repeat_interleave(self.repeats, dim=0)


@dataclass(frozen=True)
class Prompts:
    case: Case

    def in_groups(self, *, repeats: bool) -> Way:
        return lambda groups: _one_by_one(groups, self.case.repeated if repeats else None, None)

    def in_one_call(self, options: dict[str, Any], *, repeats: bool) -> Way:
        starts = _starts([self.case.num_prompt] * len(self.case.prompts), self.case.device)

        def way(groups: Sequence[Heads]) -> Any:
            query, key, value = _joined(groups, self.case.repeated if repeats else None)
            longest = self.case.num_prompt
            return self.case.varlen(
                query, key, value, starts, starts, longest, longest, window_size=(-1, 0), **options
            )

        return way


@dataclass(frozen=True)
class Answers:
    case: Case

    def in_groups(self, *, repeats: bool) -> Way:
        mask = response_mask(self.case.num_prompt, self.case.lengths, self.case.device)
        return lambda groups: _one_by_one(groups, self.case.repeated if repeats else None, mask)

    def in_one_call(self, options: dict[str, Any], *, repeats: bool) -> Way:
        """Every answer gets a copy of its prompt's keys and values; causal from the bottom right,
        as flash counts."""
        lengths = self.case.lengths * len(self.case.answers)
        asked = _starts(lengths, self.case.device)
        seen = _starts([self.case.num_prompt + length for length in lengths], self.case.device)
        chosen = self.chosen()

        def way(groups: Sequence[Heads]) -> Any:
            query, key, value = _joined(groups, self.case.repeated if repeats else None)
            longest = max(lengths)
            most = self.case.num_prompt + longest
            own_key, own_value = key.index_select(0, chosen), value.index_select(0, chosen)
            return self.case.varlen(
                query,
                own_key,
                own_value,
                asked,
                seen,
                longest,
                most,
                window_size=(-1, 0),
                **options,
            )

        return way

    def chosen(self) -> Tensor:
        """Which keys, of all groups one after the other, each answer sees."""
        width = self.case.num_prompt + sum(self.case.lengths)
        columns, start = [], self.case.num_prompt
        for length in self.case.lengths:
            columns.append(
                torch.cat([torch.arange(self.case.num_prompt), torch.arange(start, start + length)])
            )
            start += length
        one = torch.cat(columns)
        return torch.cat([one + g * width for g in range(len(self.case.answers))]).to(
            self.case.device
        )


def _table(
    report: Report,
    title: str,
    groups: list[Heads],
    truth: Way,
    ways: Sequence[tuple[str, str | None, SDPBackend | None, Way]],
) -> None:
    report.table(
        title,
        "how",
        "forward, ms",
        "forward and backward, ms",
        "output: relative difference",
        "query",
        "key",
        "value",
    )
    wide = [tuple(tensor.float() for tensor in heads) for heads in groups]
    with sdpa_kernel(SDPBackend.MATH):
        expected = _results(truth, wide)  # type: ignore[arg-type]

    def look(what: str, backend: SDPBackend | None, way: Way) -> Callable[[], None]:
        def work() -> None:
            only: AbstractContextManager[Any] = (
                nullcontext() if backend is None else sdpa_kernel(backend)
            )
            with only:
                found = _results(way, groups)
                forward = seconds_of(lambda: way(groups), repeats=5)
                both = seconds_of(lambda: _results(way, groups), repeats=5)
            gaps = [difference(a, b) for a, b in zip(found, expected, strict=True)]
            report.row(what, 1e3 * forward, 1e3 * both, *gaps)

        return work

    report.parts([(what, why, look(what, backend, way)) for what, why, backend, way in ways])


def _results(way: Way, groups: Sequence[Heads]) -> list[Tensor]:
    """Output, and the gradients of queries, keys and values."""
    leaves: list[Any] = [
        tuple(tensor.detach().requires_grad_() for tensor in heads) for heads in groups
    ]
    output = way(leaves)
    output.float().square().sum().backward()
    return [output, *(torch.cat([heads[i].grad for heads in leaves], dim=1) for i in range(3))]


def _one_by_one(
    groups: Sequence[Heads], repeated: Callable[[Tensor], Tensor] | None, mask: Tensor | None
) -> Tensor:
    parts = []
    for query, key, value in groups:
        if repeated is not None:
            key, value = repeated(key), repeated(value)
        part = scaled_dot_product_attention(
            query[None],
            key[None],
            value[None],
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=len(query) != len(key),
        )
        parts.append(part[0])
    return torch.cat(parts, dim=1).transpose(0, 1)


def _joined(groups: Sequence[Heads], repeated: Callable[[Tensor], Tensor] | None) -> list[Tensor]:
    """Groups one after the other, (tokens, heads, E)."""
    query, key, value = (torch.cat([heads[i] for heads in groups], dim=1) for i in range(3))
    if repeated is not None:
        key, value = repeated(key), repeated(value)
    return [tensor.transpose(0, 1).contiguous() for tensor in (query, key, value)]


def _starts(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *lengths], device=device).cumsum(0).int()
