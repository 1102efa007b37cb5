"""Sums over the micro-batches of a step, on one rank and over all of them, and the record they become."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import fmean

from tasks.core.training import TrainStep
from tasks.core.types import Rollout
from tasks.rollout.collect import Group
from tasks.rollout.gap import LogprobGap


@dataclass
class Totals:
    """What is added up; names that end in `_max` keep the largest."""

    loss: float = 0.0
    num_tokens: int = 0
    kl: float = 0.0
    entropy: float = 0.0
    ratio: float = 0.0
    ratio_max: float = 0.0
    clipped: float = 0.0
    gap_total: float = 0.0
    gap_max: float = 0.0
    gap_tokens: int = 0
    tokens_prompt: int = 0
    tokens_vision: int = 0
    flops_vision: int = 0
    """Of one forward pass, as the next."""
    flops_decoder: int = 0
    peak_mib_max: float = 0.0

    @property
    def gap(self) -> LogprobGap:
        return LogprobGap(total=self.gap_total, largest=self.gap_max, num_tokens=self.gap_tokens)

    def add(self, other: "Totals") -> None:
        for name in (f.name for f in fields(self)):
            combine: Callable[..., float] = max if name.endswith("_max") else lambda a, b: a + b
            setattr(self, name, combine(getattr(self, name), getattr(other, name)))


def total(parts: Iterable[Totals]) -> Totals:
    result = Totals()
    for part in parts:
        result.add(part)
    return result


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """How the groups of a step came together, over all ranks."""

    groups: Sequence[Group]
    """All that were answered, refills included."""
    trained: Sequence[Group]
    """Those that the update passes through the model."""
    num_first: int
    """How many of `groups` were drawn first; the rest are refills."""
    failures: Sequence[tuple[str, str]]

    @property
    def rollouts(self) -> list[Rollout]:
        return [rollout for group in self.groups for rollout in group.rollouts]


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What the updates of a step did, over all ranks."""

    totals: Totals = field(default_factory=Totals)
    grad_norms: Sequence[float] = ()
    """One for each update; none if no group was left to train on."""

    @property
    def grad_norm(self) -> float:
        return fmean(self.grad_norms) if self.grad_norms else 0.0


def has_spread(group: Group) -> bool:
    """Whether the rewards differ at all: without that, no rollout is better than another."""
    return min(group.rewards) < max(group.rewards)


def step_record(
    number: int,
    drawn: Drawn,
    updated: Updated,
    learning_rate: float,
    seconds: Mapping[str, float],
    flops: Mapping[str, float],
    mfu: float,
    *,
    logprob_gap_alarm: bool,
) -> TrainStep:
    """The row of step `number`."""
    rollouts, totals = drawn.rollouts, updated.totals
    first = drawn.groups[: drawn.num_first]
    num_tokens = max(1, totals.num_tokens)
    return TrainStep(
        step=number,
        reward_mean=fmean(rollout.reward for rollout in rollouts),
        reward_by_pretext=_reward_by_pretext(drawn.groups),
        reward_by_part=_reward_by_part(rollouts),
        spread_share=fmean(has_spread(group) for group in first),
        flat_by_pretext=_flat_by_pretext(drawn.groups),
        groups_refilled=len(drawn.groups) - drawn.num_first,
        groups_left_out=len(drawn.groups) - len(drawn.trained),
        loss=totals.loss / max(1, len(updated.grad_norms)),
        kl=totals.kl / num_tokens,
        entropy=totals.entropy / num_tokens,
        ratio_mean=totals.ratio / num_tokens,
        ratio_max=totals.ratio_max,
        ratio_clipped_share=totals.clipped / num_tokens,
        grad_norm=updated.grad_norm,
        skipped=not math.isfinite(updated.grad_norm),
        logprob_gap_mean=totals.gap.mean,
        logprob_gap_max=totals.gap.largest,
        logprob_gap_alarm=logprob_gap_alarm,
        answer_tokens_mean=fmean(rollout.num_tokens for rollout in rollouts),
        unparsed_share=fmean(not rollout.parsed for rollout in rollouts),
        truncated_share=fmean(rollout.truncated for rollout in rollouts),
        samples_failed=len(drawn.failures),
        learning_rate=learning_rate,
        seconds_wait=seconds["wait"],
        seconds_rollout=seconds["rollout"],
        seconds_reference=seconds.get("reference", 0.0),
        seconds_update=seconds.get("update", 0.0),
        seconds_push=seconds.get("push", 0.0),
        tokens_prompt=totals.tokens_prompt,
        tokens_vision=totals.tokens_vision,
        tokens_answer=totals.num_tokens,
        flops_by_phase=dict(flops),
        mfu=mfu,
        peak_mib=totals.peak_mib_max,
    )


def _reward_by_pretext(groups: Sequence[Group]) -> dict[str, float]:
    return {
        pretext: fmean(fmean(group.rewards) for group in groups if group.sample.pretext == pretext)
        for pretext in sorted({group.sample.pretext for group in groups})
    }


def _reward_by_part(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Means over the rollouts whose answer type has the part."""
    found: dict[str, list[float]] = {}
    for rollout in rollouts:
        for part, reward in rollout.reward_by_part.items():
            found.setdefault(part, []).append(reward)
    return {part: fmean(found[part]) for part in sorted(found)}


def _flat_by_pretext(groups: Sequence[Group]) -> dict[str, float]:
    flat = Counter(group.sample.pretext for group in groups if not has_spread(group))
    return {pretext: float(flat[pretext]) for pretext in sorted({group.sample.pretext for group in groups})}
