"""Each row's verdict, from the rewards of its rollouts: can it teach, and is its label likely
wrong?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, pstdev

from tasks.core.reward import RewardKind, has_spread
from tasks.core.types import Rollout, Sample
from tasks.diagnose.agreement import OtherAnswer, other_answers
from tasks.rollout.answerer import Reply
from tasks.rollout.reward import rollouts_of


class RowOutcome(StrEnum):
    """How many rollouts of a row are exactly right."""

    ALL_RIGHT = "all right"
    MIXED = "mixed"
    ALL_WRONG = "all wrong"
    NOT_SHOWN = "not shown"
    """The row's video could not be read back, so nothing was asked."""


@dataclass(frozen=True, kw_only=True)
class RowDiagnosis:
    """What the rollouts of one row say about it."""

    row: int
    """Number in the file, from 0."""
    sample_id: str
    pretext: str
    kind: str
    answer_kind: str
    question: str
    label: str
    """The answer that the data set calls right."""
    answers: tuple[str, ...]
    num_correct: int
    """Rollouts that are exactly right."""
    mean_reward: float
    spread: float
    """Standard deviation of the reward within the group."""
    parsed_share: float
    """Share of the answers in the format; the others earn nothing."""
    truncated_share: float
    outcome: RowOutcome
    teaches: bool
    """The rewards differ, so the row has a gradient."""
    other_answer: str = ""
    """What all rollouts agree on, if it is not the label."""
    other_answer_usual_share: float = 0.0
    """Share of the rollouts on other rows with this kind of answer that say the same."""
    label_likely_wrong: bool = False
    failure: str = ""
    """Why the row was not shown."""


def judge_rows(
    samples: Sequence[Sample],
    rows: Mapping[str, int],
    replies: Mapping[str, Reply],
    reward: RewardKind,
) -> list[RowDiagnosis]:
    """One verdict a sample; `rows` (numbers in the file) and `replies` are by sample id."""
    texts = {name: reply.texts for name, reply in replies.items() if not reply.failure}
    others = other_answers(samples, texts)
    return [
        _judge(
            sample,
            rows[sample.sample_id],
            rollouts_of(sample, replies[sample.sample_id]),
            reward,
            others.get(sample.sample_id),
            replies[sample.sample_id].failure,
        )
        for sample in samples
    ]


def likely_wrong_labels(rows: Sequence[RowDiagnosis]) -> list[RowDiagnosis]:
    """The suspects, the likeliest first: the rarer an answer is elsewhere, the more agreement on it
    says."""
    suspects = [row for row in rows if row.label_likely_wrong]
    return sorted(suspects, key=lambda row: (row.other_answer_usual_share, row.row))


def _judge(
    sample: Sample,
    row: int,
    rollouts: Sequence[Rollout],
    reward: RewardKind,
    other: OtherAnswer | None,
    failure: str,
) -> RowDiagnosis:
    num_correct = sum(rollout.strict_reward == 1.0 for rollout in rollouts)
    # A row that was not shown has no rollouts, and mean and deviation need one number at least.
    rewards = [reward.of(rollout) for rollout in rollouts] or [0.0]
    return RowDiagnosis(
        row=row,
        sample_id=sample.sample_id,
        pretext=sample.pretext,
        kind=sample.kind,
        answer_kind=sample.answer_kind,
        question=sample.question,
        label=sample.answer,
        answers=tuple(rollout.text for rollout in rollouts),
        num_correct=num_correct,
        mean_reward=fmean(rewards),
        spread=pstdev(rewards),
        parsed_share=fmean([rollout.parsed for rollout in rollouts] or [0]),
        truncated_share=fmean([rollout.truncated for rollout in rollouts] or [0]),
        outcome=_outcome(num_correct, len(rollouts)),
        teaches=has_spread(rewards),
        other_answer=other.answer if other else "",
        other_answer_usual_share=other.usual_share if other else 0.0,
        label_likely_wrong=other is not None and not other.is_usual,
        failure=failure,
    )


def _outcome(num_correct: int, num_rollouts: int) -> RowOutcome:
    if not num_rollouts:
        return RowOutcome.NOT_SHOWN
    if num_correct == num_rollouts:
        return RowOutcome.ALL_RIGHT
    return RowOutcome.MIXED if num_correct else RowOutcome.ALL_WRONG
