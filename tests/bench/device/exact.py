"""Step 2: log-probs and gradients of whole groups against one plain pass an answer, in bfloat16 and
in float32.

What bfloat16 itself costs is the plain pass in both types; the shared prefix may cost no more. The
model is small, but its heads have the real sizes and its keys and values are shared by several
heads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.policy.checkpoint import Policy
from tasks.rollout.inputs import EncodedPrompt, encode_prompt
from tasks.train.shared_prefix import PackedRow, shared_prefix_logprobs
from tasks.train.trainable import make_trainable
from tests.bench.device.layers import SMALL_SHAPE
from tests.bench.device.models import difference, make_policy, make_row
from tests.bench.device.report import Report
from tests.bench.device.setting import Setting
from tests.helpers.policy import mixed_prompts

_ANSWERS = [
    [[529, 528, 527, 526], [525], [524, 523]],
    [[531, 532, 533], [534, 535], [536]],
    [[541, 542, 543, 544, 545], [546, 547], [548, 549, 550]],
]
_AS_NEAR = 2.0
"""Times the noise of bfloat16, which is itself known from few tokens."""
_EXACT_NATS, _EXACT_GRADIENT = 1e-4, 1e-3
"""For float32, where the plain pass sums in another order; the test suite's small model has 1e-5
and 1e-4."""


class _Result(NamedTuple):
    logprobs: Tensor
    gradient: Tensor


def compare(setting: Setting, report: Report) -> None:
    torch.backends.cudnn.allow_tf32 = False  # the tower's first layer is a convolution
    report.table(
        "Three groups of three answers",
        "what",
        "against",
        "log-probs: mean, nats",
        "largest",
        "gradient: relative",
        "as near as it should be",
    )
    wide = _Case(setting, torch.float32)
    truth = wide.plain()
    _row(report, "shared prefix, float32", "plain, float32", wide.shared(), truth, None)
    del wide
    case = _Case(setting, torch.bfloat16)
    noise = _row(report, "plain, bfloat16", "plain, float32", case.plain(), truth, None)
    against = "plain, float32"

    def look(what: str, work: Callable[[], _Result]) -> Callable[[], None]:
        return lambda: (_row(report, what, against, work(), truth, noise), None)[1]

    works = [
        ("shared prefix, bfloat16", None, case.shared),
        ("the same, without cuDNN", setting.why_not("cuda"), case.without_cudnn),
        ("the same, nothing recomputed", None, case.nothing_recomputed),
        ("the same, vision features given", setting.why_not("given features"), case.features_given),
    ]
    report.parts([(what, why, look(what, work)) for what, why, work in works])


class _Case:
    """One model in one type, and its row."""

    def __init__(self, setting: Setting, dtype: torch.dtype) -> None:
        self._policy = make_policy(SMALL_SHAPE, setting.device, dtype)
        rounded = make_policy(SMALL_SHAPE, setting.device, torch.bfloat16)
        with torch.no_grad():  # the same numbers in both types, so that only arithmetic differs
            for parameter, other in zip(
                self._policy.model.parameters(), rounded.model.parameters(), strict=True
            ):
                parameter.copy_(other)
        make_trainable(self._policy.model, TrainConfig(), seed=0)
        self._policy.model.train()
        self._prompts = [
            encode_prompt(self._policy.processor, p) for p in mixed_prompts(self._policy)
        ]
        self._row = make_row(self._policy, self._prompts, _ANSWERS)
        self._weights = torch.randn(
            self._row.mask.shape, generator=torch.Generator().manual_seed(0)
        )

    def plain(self) -> _Result:
        logprobs = torch.zeros(self._row.mask.shape, device=self._policy.device)
        for g, (prompt, group) in enumerate(zip(self._prompts, _ANSWERS, strict=True)):
            for n, tokens in enumerate(group):
                logprobs[g, n, : len(tokens)] = plain_logprobs(self._policy, prompt, tokens)
        return self._result(logprobs)

    def shared(self) -> _Result:
        return self._result(_shared(self._policy, self._row))

    def without_cudnn(self) -> _Result:
        with _cudnn_off():
            return self.shared()

    def nothing_recomputed(self) -> _Result:
        self._policy.model.gradient_checkpointing_disable()
        try:
            return self.shared()
        finally:
            self._policy.model.gradient_checkpointing_enable()

    def features_given(self) -> _Result:
        """Gradients go through the features, so nothing changes but where they are computed."""
        vision = self._policy.model.get_video_features(self._row.pixel_values, self._row.grid_thw)
        logprobs, _ = shared_prefix_logprobs(self._policy.model, self._row, vision=vision)
        return self._result(logprobs)

    def _result(self, logprobs: Tensor) -> _Result:
        self._policy.model.zero_grad()
        (logprobs * self._weights.to(logprobs.device)).sum().backward()
        gradients = [
            p.grad.float().flatten().cpu()
            for p in self._policy.model.parameters()
            if p.grad is not None
        ]
        return _Result(logprobs.detach().float().cpu()[self._row.mask.cpu()], torch.cat(gradients))


def plain_logprobs(policy: Policy, prompt: EncodedPrompt, tokens: list[int]) -> Tensor:
    """One row `[prompt, answer]` through the model's own positions and mask."""
    answer = torch.tensor(tokens)
    types = torch.cat(
        [prompt.token_types, torch.zeros_like(answer, dtype=prompt.token_types.dtype)]
    )
    output = policy.model(
        input_ids=torch.cat([prompt.input_ids, answer])[None].to(policy.device),
        mm_token_type_ids=types[None].to(policy.device),
        pixel_values_videos=prompt.pixel_values.to(policy.device),
        video_grid_thw=prompt.grid_thw.to(policy.device),
        use_cache=False,
    )
    logits = output.logits[0, len(prompt.input_ids) - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, answer[:, None].to(policy.device))[:, 0]


def _shared(policy: Policy, row: PackedRow) -> Tensor:
    return shared_prefix_logprobs(policy.model, row)[0]


def _row(
    report: Report, what: str, against: str, found: _Result, truth: _Result, noise: "_Gap | None"
) -> "_Gap":
    gaps = (found.logprobs - truth.logprobs).abs()
    gap = _Gap(gaps.mean().item(), difference(found.gradient, truth.gradient))
    allowed = (
        _Gap(_EXACT_NATS, _EXACT_GRADIENT)
        if noise is None
        else _Gap(*(_AS_NEAR * value for value in noise))
    )
    is_near = gap.nats <= allowed.nats and gap.gradient <= allowed.gradient
    verdict = "the noise" if what.startswith("plain") else "yes" if is_near else "NO"
    report.row(what, against, gap.nats, gaps.max().item(), gap.gradient, verdict)
    return gap


class _Gap(NamedTuple):
    nats: float
    gradient: float


@contextmanager
def _cudnn_off() -> Iterator[None]:
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(True)
