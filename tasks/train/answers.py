"""Whether answers vary with what is shown, while training runs.

A reward can rise while a model answers alike whatever it is shown. So next to the reward stand, by
pretext task,

    answers/<task>_most_frequent_share   share of the answers that are the most frequent one
    answers/<task>_distinct              how many different ones there are
    answers/<task>_alike_alarm           1 while nearly all are the same and the right ones are not
    reward_over_constant/<task>          mean smooth reward minus that of the best constant answer

The constant answer is chosen on the training samples of the same cell on other videos: chosen on
the very samples that it is scored on, it would profit from its choice (by 0.04 to 0.09 in the demo,
which has some thirty samples in a cell).

A step asks few samples, so these are of a window: the newest steps that have `WINDOW_GROUPS` groups
of the task between them, or all steps of the run until then. The record keeps what was answered, so
a resumed run has the same windows as one that was not cut off.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from statistics import fmean

from rewards.schema import canonical_answer, read_schema, score
from tasks.benchmarks.constants import answer_cell, best_constants, right_answer_of
from tasks.core.choose import shuffled
from tasks.core.digest import digest_of_bytes
from tasks.core.training import StepAnswers, TrainStep
from tasks.core.types import Clip, Sample
from tasks.rollout.collect import Group

logger = logging.getLogger(__name__)

WINDOW_GROUPS = 32
"""Groups are what counts as independent: a mean of 32 rewards, which spread by 0.3, is known to
0.05. It is a dozen steps of the demo, and two of the presets for GPUs."""
_ALIKE_SHARE = 0.9
"""A larger share of one answer is an alarm, unless the right answers are as much alike."""
_MOST_CHARS = 40


def constant_rewards(
    samples: Sequence[Sample], clips: Mapping[str, Clip], seed: int
) -> dict[str, float]:
    """By sample id, the smooth reward of the best constant answer of its cell.

    Videos are halved, and a sample of one half is given the constant that was chosen on the other.
    Without an entry are free words, and cells with samples in one half only.
    """
    videos = {sample.views[0].clip_id for sample in samples}
    # In turn, so that of few videos neither half is empty.
    order = shuffled(videos, str, "constant half", seed)
    half_of = {video: place % 2 for place, video in enumerate(order)}
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        halves[half_of[sample.views[0].clip_id]].append(sample)
    rewards: dict[str, float] = {}
    for own, others in (halves, halves[::-1]):
        best = best_constants(others, clips, seed)
        for sample in own:
            if (found := best.get(answer_cell(sample))) is not None:
                text = found.answer.text(right_answer_of(sample, clips).seconds)
                schema = read_schema(sample.answer_kind)
                rewards[sample.sample_id] = score(text, sample.answer, schema).total
    return rewards


def step_answers(groups: Sequence[Group], constants: Mapping[str, float]) -> dict[str, StepAnswers]:
    """What was answered in one step, by pretext task; `constants` are of `constant_rewards`."""
    found: dict[str, StepAnswers] = {}
    for group in groups:
        own = _group_answers(group, constants.get(group.sample.sample_id))
        pretext = group.sample.pretext
        found[pretext] = _joined(found[pretext], own) if pretext in found else own
    return dict(sorted(found.items()))


def with_window(earlier: Sequence[TrainStep], row: TrainStep) -> TrainStep:
    """`row` with the metrics of the windows that end with it."""
    rows = [*earlier, row]
    metrics: dict[str, float] = {}
    # Of a task that this step did not ask, the window is the one before: its curve goes on level.
    known = earlier[-1].most_frequent_shares if earlier else {}
    for pretext in sorted({*known, *row.answers}):
        window = answers_window(rows, pretext)
        metrics[f"answers/{pretext}_most_frequent_share"] = _most_frequent_share(window)
        metrics[f"answers/{pretext}_distinct"] = float(len(window.given))
        metrics[f"answers/{pretext}_alike_alarm"] = float(_is_alike(window))
        if window.num_compared:
            metrics[f"reward_over_constant/{pretext}"] = window.over_constant / window.num_compared
    return replace(row, metrics=row.metrics | metrics)


def answers_window(rows: Sequence[TrainStep], pretext: str) -> StepAnswers:
    """The answers of the newest rows that have `WINDOW_GROUPS` groups of `pretext` between them."""
    found: list[StepAnswers] = []
    for row in reversed(rows):
        if pretext in row.answers:
            found.append(row.answers[pretext])
        if sum(step.num_groups for step in found) >= WINDOW_GROUPS:
            break
    # The oldest first: sums of floats depend on the order, and the record has this one.
    return reduce(_joined, reversed(found))


def warn_of_alike(earlier: Sequence[TrainStep], row: TrainStep) -> None:
    """Say of each pretext task that its answers became almost all alike; once in a run."""
    for name, value in row.metrics.items():
        if not (value and name.endswith("_alike_alarm")):
            continue
        if any(step.metrics.get(name) for step in earlier):
            continue
        pretext = name.removeprefix("answers/").removesuffix("_alike_alarm")
        window = answers_window([*earlier, row], pretext)
        logger.warning(
            "%s: the model gives nearly the same answer whatever it is shown (%r, %.0f %% of the "
            "last %d answers), while the right answers differ: see answers/%s_most_frequent_share "
            "and reward_over_constant/%s",
            pretext,
            max(window.given, key=window.given.__getitem__),
            100 * _most_frequent_share(window),
            window.num_answers,
            pretext,
            pretext,
        )


def _group_answers(group: Group, constant: float | None) -> StepAnswers:
    schema = read_schema(group.sample.answer_kind)
    # As the reward reads them: blanks and trailing zeros make no other answer.
    read = [canonical_answer(rollout.text, schema) for rollout in group.rollouts]
    given = Counter(_shortened(answer) for answer in read if answer is not None)
    # A truth always has the format, or no answer could have been rewarded.
    right = _shortened(canonical_answer(group.sample.answer, schema) or "")
    # Smooth rewards, as the constant was chosen by them, whatever this run is rewarded by.
    mean = fmean(rollout.reward for rollout in group.rollouts)
    return StepAnswers(
        num_groups=1,
        num_answers=len(read),
        given=dict(given),
        right={right: 1},
        over_constant=0.0 if constant is None else mean - constant,
        num_compared=int(constant is not None),
    )


def _shortened(answer: str) -> str:
    """Free words may be long, and the record, which every checkpoint has, need only tell them
    apart."""
    if len(answer) <= _MOST_CHARS:
        return answer
    return f"{answer[:_MOST_CHARS]}… ({digest_of_bytes(answer.encode())})"


def _joined(first: StepAnswers, other: StepAnswers) -> StepAnswers:
    return StepAnswers(
        num_groups=first.num_groups + other.num_groups,
        num_answers=first.num_answers + other.num_answers,
        given=dict(Counter(first.given) + Counter(other.given)),
        right=dict(Counter(first.right) + Counter(other.right)),
        over_constant=first.over_constant + other.over_constant,
        num_compared=first.num_compared + other.num_compared,
    )


def _most_frequent_share(window: StepAnswers) -> float:
    # Of all answers: one that cannot be read is like no other, and `rollout/unparsed_share` has it.
    return max(window.given.values(), default=0) / window.num_answers


def _is_alike(window: StepAnswers) -> bool:
    """Nearly all answers are the same, and the right ones are not; never before the window is
    full, as a few samples may well have one answer."""
    right_share = max(window.right.values()) / window.num_groups
    return (
        window.num_groups >= WINDOW_GROUPS
        and _most_frequent_share(window) > _ALIKE_SHARE >= right_share
    )
