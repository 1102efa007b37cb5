"""Step 10: forward and backward of the same answers, with each prompt once a group and once an
answer."""

from collections.abc import Sequence

from tasks.core.config import TrainConfig
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.inputs import EncodedPrompt
from tasks.train.shared_prefix import shared_prefix_logprobs
from tasks.train.trainable import make_trainable
from tasks.train.update import pack_groups
from tests.bench.device.models import (
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

_NUM_GROUPS = 2
"""Enough for a ratio; all eight would repeat 64 prompts."""

Part = tuple[EncodedPrompt, list[list[int]]]


def compare(setting: Setting, report: Report) -> None:
    policy = make_policy(setting.shape, setting.device, setting.dtype)
    make_trainable(policy.model, TrainConfig(), seed=0)
    policy.model.train()
    budget = setting.scale.microbatch_tokens
    prompts = make_prompts(policy, setting.scale)[:_NUM_GROUPS]
    answers = make_answers(policy, setting.scale)[:_NUM_GROUPS]
    shared: list[Part] = list(zip(prompts, answers, strict=True))
    repeated: list[Part] = [(prompt, [answer]) for prompt, group in shared for answer in group]
    report.table(
        f"{_NUM_GROUPS} groups of {setting.scale.num_answers} answers",
        "prefix",
        "s",
        "ratio",
        "peak GiB",
        "rows",
    )
    forget_peak(setting.device)
    first = seconds_of(lambda: _pass(policy, shared, budget), repeats=3)
    report.row("shared", first, 1.0, peak_gib(setting.device), _num_rows(shared, budget))
    with report.part("repeated"):
        forget_peak(setting.device)
        second = seconds_of(lambda: _pass(policy, repeated, budget), repeats=1)
        report.row(
            "repeated",
            second,
            second / first,
            peak_gib(setting.device),
            _num_rows(repeated, budget),
        )


def _pass(policy: Policy, parts: Sequence[Part], budget: int) -> None:
    for batch in pack_groups(_lengths(parts), budget):
        row = make_row(policy, [parts[i][0] for i in batch], [parts[i][1] for i in batch])
        logprobs, _ = shared_prefix_logprobs(policy.model, row, banned_ids=vision_token_ids(policy))
        logprobs.sum().backward()
    policy.model.zero_grad(set_to_none=True)


def _lengths(parts: Sequence[Part]) -> list[int]:
    return [len(prompt.input_ids) + sum(map(len, answers)) for prompt, answers in parts]


def _num_rows(parts: Sequence[Part], budget: int) -> int:
    return len(pack_groups(_lengths(parts), budget))
