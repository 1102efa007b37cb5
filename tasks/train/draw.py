"""What a step trains on: which samples it asks, which rank answers them, which groups teach.

All of it is a function of the step's number, so a resumed run sees the same data, and nothing has
to be kept between steps.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from statistics import fmean

from tasks.core.config import TrainConfig
from tasks.core.reward import has_spread
from tasks.core.seeding import generator
from tasks.core.types import Clip, Rollout, Sample
from tasks.rollout.collect import Collector, Group, GroupBatch
from tasks.train.ranks import Ranks, balanced_shares


@dataclass(frozen=True)
class StepSamples:
    """The samples of a step, of all ranks."""

    asked: Sequence[Sample]
    spares: Sequence[Sample] = ()
    """They stand by, in this order, for samples whose rewards turn out all equal."""
    following: Sequence[Sample] = ()
    """Those of the next step, whose prompts may be made meanwhile."""


@dataclass(frozen=True, kw_only=True)
class StepGroups:
    """The groups of a step. Only `own` has its frames; the rest are of all ranks."""

    own: Sequence[Group]
    """This rank's share of `trained`."""
    trained: Sequence[Group]
    """Those that the update passes through the model."""
    answered: Sequence[Group]
    """All of them, refills included."""
    num_first: int
    """How many of `answered` were asked first; the rest are refills."""
    failures: Sequence[tuple[str, str]]
    """(sample id, reason) of those that could not be rendered."""

    @property
    def reward_by_pretext(self) -> dict[str, float]:
        rewards: defaultdict[str, list[float]] = defaultdict(list)
        for group in self.answered:
            rewards[group.sample.pretext].append(fmean(group.rewards))
        return {pretext: fmean(rewards[pretext]) for pretext in sorted(rewards)}

    def metrics(self) -> dict[str, float]:
        """What the answers say, before the update."""
        rollouts = [rollout for group in self.answered for rollout in group.rollouts]
        first = self.answered[: self.num_first]
        flat = Counter(g.sample.pretext for g in self.answered if not has_spread(g.rewards))
        return {
            "reward/mean": fmean(rollout.reward for rollout in rollouts),
            "reward/spread_share": fmean(has_spread(group.rewards) for group in first),
            **{f"reward/{pretext}": mean for pretext, mean in self.reward_by_pretext.items()},
            **{f"reward_part/{part}": mean for part, mean in _reward_by_part(rollouts).items()},
            **{f"flat_groups/{name}": float(flat[name]) for name in self.reward_by_pretext},
            "flat_groups/refilled": float(len(self.answered) - self.num_first),
            "flat_groups/left_out": float(len(self.answered) - len(self.trained)),
            "rollout/answer_tokens_mean": fmean(rollout.num_tokens for rollout in rollouts),
            "rollout/unparsed_share": fmean(not rollout.parsed for rollout in rollouts),
            "rollout/truncated_share": fmean(rollout.truncated for rollout in rollouts),
            "rollout/samples_failed": float(len(self.failures)),
        }


def samples_of_step(
    samples: Sequence[Sample], step: int, config: TrainConfig, seed: int
) -> StepSamples:
    """The samples of `step` (from 0)."""
    asked = step_samples(samples, step, config.prompts_per_step, seed)
    num_spares = config.refill_rounds * config.prompts_per_step * _refills(config)
    is_last = step == config.num_steps - 1
    return StepSamples(
        asked=asked,
        spares=spare_samples(samples, step, asked, num_spares, seed),
        following=[] if is_last else step_samples(samples, step + 1, config.prompts_per_step, seed),
    )


def step_samples(samples: Sequence[Sample], step: int, batch_size: int, seed: int) -> list[Sample]:
    """The samples of `step`: every epoch is a fresh permutation, a function of (seed, epoch) only.

    A step that crosses the end of an epoch takes the rest from the next one.
    """
    positions = range(step * batch_size, (step + 1) * batch_size)
    orders = {
        epoch: generator(seed, "train", "epoch", epoch).permutation(len(samples))
        for epoch in {position // len(samples) for position in positions}
    }
    return [
        samples[orders[position // len(samples)][position % len(samples)]] for position in positions
    ]


def spare_samples(
    samples: Sequence[Sample], step: int, asked: Sequence[Sample], num: int, seed: int
) -> list[Sample]:
    """Up to `num` samples at random that are not among `asked`, the samples of `step`."""
    if not num:
        return []
    asked_ids = {sample.sample_id for sample in asked}
    order = generator(seed, "train", "spares", step).permutation(len(samples))
    return [samples[i] for i in order if samples[i].sample_id not in asked_ids][:num]


@dataclass(frozen=True, kw_only=True)
class GroupSource:
    """Asks the samples of a step, on all ranks, and sorts out the groups that teach nothing."""

    collector: Collector
    clips: Mapping[str, Clip]
    ranks: Ranks
    config: TrainConfig
    phase: Callable[[str], AbstractContextManager[None]]
    """Times what stands below it."""

    def draw(self, step: int, samples: StepSamples) -> StepGroups:
        """The groups of `step`.

        Raises:
            ValueError: no sample could be rendered.
        """
        self.collector.prompts.expect(step, self._answered_here(samples.asked))
        self.collector.prompts.expect(step + 1, self._answered_here(samples.following))
        own, everyone = self._collect(step, samples.asked)
        num_first, spares = len(everyone.groups), samples.spares
        # A group without spread (all rewards equal) has no policy gradient. Each round asks as many
        # spares as the round before left without spread, or could not render from the second on.
        num_flat = _num_flat(everyone)
        for _ in range(self.config.refill_rounds * _refills(self.config)):
            refill, spares = spares[:num_flat], spares[num_flat:]
            if not refill:
                break
            own_refill, all_refill = self._collect(step, refill)
            own, everyone = _joined(own, own_refill), _joined(everyone, all_refill)
            num_flat = _num_flat(all_refill) + len(refill) - len(all_refill.groups)
        if not everyone.groups:
            first = everyone.failures[0]
            raise ValueError(f"no sample of the step could be rendered, first reason: {first}")
        return StepGroups(
            own=self._to_train(own.groups),
            trained=self._to_train(everyone.groups),
            answered=everyone.groups,
            num_first=num_first,
            failures=everyone.failures,
        )

    def _to_train(self, groups: Sequence[Group]) -> list[Group]:
        keeps_flat = self.config.flat_groups == "keep"
        return [group for group in groups if keeps_flat or has_spread(group.rewards)]

    def _collect(self, step: int, samples: Sequence[Sample]) -> tuple[GroupBatch, GroupBatch]:
        """This rank's share, and all ranks' groups in the order of `samples`, without frames."""
        with self.phase("wait"):
            prompts = self.collector.take(self._answered_here(samples))
        with self.phase("rollout"):
            answered = self.collector.answer(prompts, "train", step)
            # Ranks that share an engine get the groups of all of them, and each trains on its own
            # share. Frames stay where they are: answers and rewards are small enough to travel.
            own = answered.of(self._shares(samples)[self.ranks.index])
            light = [replace(group, prompt=group.prompt.without_videos) for group in own.groups]
            shares = self.ranks.gather(GroupBatch(groups=light, failures=own.failures))
        # In the order asked, whichever rank answered: how groups are split into updates hangs on
        # it.
        place = {sample.sample_id: i for i, sample in enumerate(samples)}
        groups = [group for share in shares for group in share.groups]
        return own, GroupBatch(
            groups=sorted(groups, key=lambda group: place[group.sample.sample_id]),
            failures=[failure for share in shares for failure in share.failures],
        )

    def _shares(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """The samples that each rank trains on: as much to see for each of them."""
        costs = [_num_shown_px(sample, self.clips) for sample in samples]
        return [[samples[i] for i in share] for share in balanced_shares(costs, self.ranks.count)]

    def _answered_here(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples of all ranks that share this one's rollout engine."""
        num = self.collector.engine.ranks_together
        first = self.ranks.index - self.ranks.index % num
        return [sample for share in self._shares(samples)[first : first + num] for sample in share]


def _refills(config: TrainConfig) -> bool:
    return config.flat_groups == "resample"


def _num_flat(collected: GroupBatch) -> int:
    return sum(not has_spread(group.rewards) for group in collected.groups)


def _joined(first: GroupBatch, second: GroupBatch) -> GroupBatch:
    return GroupBatch(
        groups=first.groups + second.groups, failures=first.failures + second.failures
    )


def _num_shown_px(sample: Sample, clips: Mapping[str, Clip]) -> int:
    """Pixels of all frames shown: what a sample costs, nearly, before it is rendered."""
    shown = [(view, clips.get(view.clip_id)) for view in sample.views]
    return sum(
        (view.stop_frame - view.start_frame) * clip.width_px * clip.height_px
        for view, clip in shown
        if clip is not None
    )


def _reward_by_part(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Means over the rollouts whose answer type has the part."""
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for rollout in rollouts:
        for part, reward in rollout.reward_by_part.items():
            rewards[part].append(reward)
    return {part: fmean(rewards[part]) for part in sorted(rewards)}
