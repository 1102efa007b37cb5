"""Likely wrong labels: rows where every rollout gives the same answer, and it is not the label.

    agree       all rollouts are in the format and give the same answer; intervals, which are hardly
                ever equal to the tenth, agree from an overlap (IoU) of 0.8 on
    other       the answer is not the label; of intervals the overlap is below 0.5
    not usual   on other rows with this kind of answer the policy gives it in at most 3 of 4
                rollouts: a policy that always says the same tells nothing about labels

Rows are ranked by how rarely the policy gives the answer elsewhere. A policy can also be sure and
wrong: look at them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rewards.answers import AnswerKind
from rewards.schema import Schema, canonical_answer, read_schema, score
from tasks.core.types import Sample

CLOSE_OVERLAP = 0.8
FAR_OVERLAP = 0.5
MOST_USUAL_SHARE = 0.75
# Overlaps and sums of limits are floats: equality must not fail at the last bit.
_ROUNDING = 1e-9

RULE = (
    "all rollouts give the same answer, it is not the label (intervals agree from an overlap of "
    f"{CLOSE_OVERLAP:g} on and differ from the label below {FAR_OVERLAP:g}), and the model gives "
    f"it in at most {MOST_USUAL_SHARE:.0%} of its rollouts on other rows with this kind of answer"
)


@dataclass(frozen=True, kw_only=True)
class OtherAnswer:
    """What all rollouts of one row say instead of its label."""

    answer: str
    usual_share: float
    """Share of the rollouts on other rows with this kind of answer that say the same."""

    @property
    def is_usual(self) -> bool:
        return self.usual_share > MOST_USUAL_SHARE


def other_answers(
    samples: Iterable[Sample], texts: Mapping[str, Sequence[str]]
) -> dict[str, OtherAnswer]:
    """The samples whose rollouts agree on an answer that is not the label; all by sample id."""
    answered = [sample for sample in samples if sample.sample_id in texts]
    said = {sample.sample_id: _canonical(sample, texts[sample.sample_id]) for sample in answered}
    everywhere: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for sample in answered:
        everywhere[sample.answer_kind].update(said[sample.sample_id])
    found = {}
    for sample in answered:
        schema, own = read_schema(sample.answer_kind), said[sample.sample_id]
        answer = agreed_answer(own, schema)
        if answer is None or not _is_other(answer, sample.answer, schema):
            continue
        # Without the row's own rollouts: they agree by definition, and among few rows they would
        # make every agreed answer look usual.
        counts = everywhere[sample.answer_kind]
        num_others = counts.total() - len(own)
        share = (counts[answer] - own.count(answer)) / num_others if num_others else 0.0
        found[sample.sample_id] = OtherAnswer(answer=answer, usual_share=share)
    return found


def agreed_answer(answers: Sequence[str | None], schema: Schema) -> str | None:
    """The answer that all agree on, as the one among them that is closest to the others; None if
    there is none."""
    known = [answer for answer in answers if answer is not None]
    if not known or len(known) < len(answers):
        return None
    if len(set(known)) == 1:
        return known[0]
    # 1 - IoU is a metric: two intervals close to a third are no further from each other than both
    # distances together.
    # Asked first, because one comparison a rollout tells most rows that do not agree; the search
    # below compares all pairs.
    if not all(
        _agree(other, known[0], schema, 2 * CLOSE_OVERLAP - 1 - _ROUNDING) for other in known
    ):
        return None
    # Sorted, since the order of a set of texts changes with every process, and ties would with it.
    middle = max(
        sorted(set(known)), key=lambda one: sum(score(other, one, schema).total for other in known)
    )
    return middle if all(_agree(other, middle, schema, CLOSE_OVERLAP) for other in known) else None


def _canonical(sample: Sample, texts: Sequence[str]) -> list[str | None]:
    schema = read_schema(sample.answer_kind)
    return [canonical_answer(text, schema) for text in texts]


def _is_other(answer: str, label: str, schema: Schema) -> bool:
    return not _agree(answer, label, schema, FAR_OVERLAP)


def _agree(answer: str, other: str, schema: Schema, least_overlap: float) -> bool:
    """RowsSummary by part: intervals by overlap, everything else exactly."""
    reward = score(answer, other, schema)
    closeness = reward.parts or {"": reward.total}
    return all(
        closeness[part.name] >= (least_overlap if part.kind is AnswerKind.INTERVAL else 1.0)
        for part in schema
    )
