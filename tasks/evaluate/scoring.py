"""Scores from rollouts, pure: rows for samples, sums for models. Running the model is left out.

Nothing leaves the denominator: an answer that cannot be read and a sample that cannot be shown score 0.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from rewards.answers import AnswerKind, Counts
from rewards.parse import parse_answer
from tasks.core.scores import ModelScores, SampleScore
from tasks.core.statistics import Estimate, Scored, estimate
from tasks.core.types import Artifact, Rollout, Sample, Split, StageReport
from tasks.core.viubench import viubench_type


def score_sample(sample: Sample, rollouts: Sequence[Rollout]) -> SampleScore:
    """Score one sample by the answers to it."""
    return _row(sample, rollouts, failure="")


def score_failure(sample: Sample, failure: str) -> SampleScore:
    """The row of a sample that could not be shown to the model, because of `failure`."""
    return _row(sample, (), failure=failure)


def aggregate(rows: Sequence[SampleScore], *, name: str, policy: Artifact, predictions: Artifact) -> ModelScores:
    """Sum up one model's rows. There may be none: a folder can be too small to hold a video out."""
    heldout = [row for row in rows if row.split == Split.HELDOUT]
    viubench, viubench_by_type = aggregate_viubench(rows)
    return ModelScores(
        name=name,
        policy=policy,
        predictions=predictions,
        heldout=estimate(row.scored() for row in heldout),
        heldout_by_pretext={part: estimate(items) for part, items in _parts(heldout, lambda row: row.pretext).items()},
        viubench=viubench,
        viubench_by_type=viubench_by_type,
        num_failed=sum(row.num_rollouts == 0 for row in rows),
    )


def aggregate_viubench(rows: Sequence[SampleScore]) -> tuple[Estimate, dict[str, Estimate]]:
    """The mean of the types' means, and each type's; rows of other splits are left out."""
    viubench = [row for row in rows if row.split == Split.VIUBENCH]
    by_type = _parts(viubench, lambda row: row.viubench_type)
    items = [item for members in by_type.values() for item in members]
    return estimate(items), {part: estimate(members) for part, members in by_type.items()}


def evaluation_report(scores: ModelScores, seconds: float, *, reused: bool) -> StageReport:
    """What evaluating one model cost and found."""
    return StageReport(
        stage=f"evaluate_{scores.name}",
        seconds=seconds,
        counts={
            "heldout_samples": float(scores.heldout.num_items),
            "heldout_mean": scores.heldout.mean,
            "viubench_items": float(scores.viubench.num_items),
            "viubench_mean": scores.viubench.mean,
            "failed": float(scores.num_failed),
            "reused": float(reused),
        },
    )


def _row(sample: Sample, rollouts: Sequence[Rollout], failure: str) -> SampleScore:
    metric = _metric(sample)
    return SampleScore(
        sample_id=sample.sample_id,
        split=sample.split,
        pretext=sample.pretext,
        kind=sample.kind,
        level=sample.level,
        viubench_type=viubench_type(sample) if sample.split == Split.VIUBENCH else "",
        score=_mean(metric(rollout) for rollout in rollouts),
        parsed_share=_mean(rollout.parsed for rollout in rollouts),
        truncated_share=_mean(rollout.truncated for rollout in rollouts),
        num_rollouts=len(rollouts),
        answers=tuple(rollout.text for rollout in rollouts),
        failure=failure,
        video=sample.views[0].clip_id,
    )


def _metric(sample: Sample) -> Callable[[Rollout], float]:
    """VIUBench's own: overlap, the share of counts that are right, the whole order right; elsewhere the reward."""
    if sample.split != Split.VIUBENCH or sample.answer_kind == AnswerKind.INTERVAL:
        return lambda rollout: rollout.reward
    if sample.answer_kind == AnswerKind.COUNTS:
        return lambda rollout: share_of_counts(rollout.text, sample.answer)
    return lambda rollout: rollout.strict_reward


def share_of_counts(text: str, truth: str) -> float:
    """Share of the counts that are exactly right; 0 for an answer that is none."""
    said, right = parse_answer(text, AnswerKind.COUNTS), parse_answer(truth, AnswerKind.COUNTS)
    if not isinstance(said, Counts) or not isinstance(right, Counts) or len(said.values) != len(right.values):
        return 0.0
    return fmean(one == other for one, other in zip(said.values, right.values, strict=True))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else 0.0


def _parts(rows: Iterable[SampleScore], part: Callable[[SampleScore], str]) -> dict[str, list[Scored]]:
    """Each part is a stratum of its own."""
    parts: defaultdict[str, list[Scored]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.sample_id):
        parts[part(row)].append(row.scored(part(row)))
    return dict(sorted(parts.items()))
