"""The main job's scores: one policy asked about all held-out samples and VIUBench items, and what
that sums up to.

Held-out samples get sampled answers, because their mean reward counts, and beside them one without
sampling; VIUBench gets that alone, as in the paper. Nothing leaves the denominator: an answer that
cannot be read and a sample that cannot be shown score 0.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from tasks.benchmarks.viubench.reading import STRICT, read_viubench
from tasks.core.config import EvaluateConfig, RolloutConfig
from tasks.core.scores import ModelScores, SampleScore
from tasks.core.statistics import Estimate, ItemScore, estimate
from tasks.core.store import Store
from tasks.core.types import Artifact, Rollout, Sample, Split, StageReport
from tasks.core.viubench import viubench_type
from tasks.rollout.answerer import Answerer, Reply, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.reward import rollouts_of
from tasks.rollout.videos import VideoSource


def score_policy(
    store: Store,
    answerer: Answerer,
    samples: Sequence[Sample],
    videos: VideoSource,
    rollout: RolloutConfig,
    config: EvaluateConfig,
) -> list[SampleScore]:
    """One row for each held-out sample and each VIUBench item, in their order.

    Every policy gets the same prompts and the same seeds, so differences can be taken sample by
    sample.
    """

    def ask(split: Split, sampling: Sampling) -> list[tuple[Sample, Reply]]:
        part = [sample for sample in samples if sample.split == split]
        cache = ReplyCache(store, answerer, videos, sampling, split.value)
        replies = ask_all(
            cache, part, batch_size=config.questions_per_batch, label=f"evaluate {split}"
        )
        return [(sample, replies[sample.sample_id]) for sample in part]

    sampling = sampling_of(Split.HELDOUT, rollout, config)
    sampled = ask(Split.HELDOUT, sampling)
    greedy = ask(Split.HELDOUT, replace(sampling, num_completions=1, temperature=0.0))
    viubench = ask(Split.VIUBENCH, sampling_of(Split.VIUBENCH, rollout, config))
    return [
        *(
            _beside(score_reply(*asked), score_reply(*without_sampling))
            for asked, without_sampling in zip(sampled, greedy, strict=True)
        ),
        *(score_reply(*asked) for asked in viubench),
    ]


def sampling_of(split: Split, rollout: RolloutConfig, config: EvaluateConfig) -> Sampling:
    """How samples of `split` are answered: VIUBench greedily."""
    is_heldout = split is Split.HELDOUT
    return Sampling(
        config.heldout_rollouts_per_sample if is_heldout else 1,
        rollout.temperature if is_heldout else 0.0,
        rollout.max_answer_tokens,
        ("rollout", "evaluate", split.value),
    )


def score_reply(sample: Sample, reply: Reply) -> SampleScore:
    """Score one sample by what was said to it."""
    return score_sample(sample, rollouts_of(sample, reply), reply.failure)


def score_sample(sample: Sample, rollouts: Sequence[Rollout], failure: str = "") -> SampleScore:
    """Score one sample by the answers to it; `failure` says why there are none."""
    is_viubench = sample.split == Split.VIUBENCH
    readings = [read_viubench(sample, rollout.text) for rollout in rollouts] if is_viubench else []
    return SampleScore(
        sample_id=sample.sample_id,
        split=sample.split,
        pretext=sample.pretext,
        kind=sample.kind,
        level=sample.level,
        viubench_type=viubench_type(sample) if is_viubench else "",
        score=_mean(
            [reading.paper for reading in readings] or [rollout.reward for rollout in rollouts]
        ),
        strict_score=_mean([reading.values[STRICT] for reading in readings]),
        parsed_share=_mean([rollout.parsed for rollout in rollouts]),
        truncated_share=_mean([rollout.truncated for rollout in rollouts]),
        num_rollouts=len(rollouts),
        answers=tuple(rollout.text for rollout in rollouts),
        failure=failure,
        video=sample.views[0].clip_id,
    )


def aggregate(
    rows: Sequence[SampleScore], *, name: str, policy: Artifact, predictions: Artifact
) -> ModelScores:
    """Sum up one model's rows. There may be none: a folder can be too small to hold a video out."""
    heldout = [row for row in rows if row.split == Split.HELDOUT]
    greedy = [replace(row, score=row.greedy_score) for row in heldout]
    viubench = [row for row in rows if row.split == Split.VIUBENCH]
    return ModelScores(
        name=name,
        policy=policy,
        predictions=predictions,
        heldout=estimate(row.scored() for row in heldout),
        heldout_by_pretext=_by_part(heldout, lambda row: row.pretext),
        heldout_greedy=estimate(row.scored() for row in greedy),
        heldout_greedy_by_pretext=_by_part(greedy, lambda row: row.pretext),
        viubench=_over_types(viubench),
        viubench_strict=_over_types([replace(row, score=row.strict_score) for row in viubench]),
        viubench_by_type=_by_part(viubench, lambda row: row.viubench_type),
        num_failed=sum(row.num_rollouts == 0 for row in rows),
    )


def evaluation_report(scores: ModelScores, seconds: float, *, reused: bool) -> StageReport:
    """What evaluating one model cost and found."""
    return StageReport(
        stage=f"evaluate_{scores.name}",
        seconds=seconds,
        counts={
            "heldout_samples": float(scores.heldout.num_items),
            "heldout_mean": scores.heldout.mean,
            "heldout_greedy_mean": scores.heldout_greedy.mean,
            "viubench_items": float(scores.viubench.num_items),
            "viubench_mean": scores.viubench.mean,
            "viubench_strict_mean": scores.viubench_strict.mean,
            "failed": float(scores.num_failed),
            "reused": float(reused),
        },
    )


def _beside(sampled: SampleScore, greedy: SampleScore) -> SampleScore:
    """One sample's row, from its sampled answers and the one without sampling."""
    return replace(sampled, greedy_score=greedy.score, greedy_answer="".join(greedy.answers))


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _over_types(rows: Iterable[SampleScore]) -> Estimate:
    """The mean of the types' means: each is a stratum of its own."""
    # Sums of floats depend on their order, and rows come in any.
    return estimate(row.scored(row.viubench_type) for row in sorted(rows, key=_type_and_id))


def _type_and_id(row: SampleScore) -> tuple[str, str]:
    return row.viubench_type, row.sample_id


def _by_part(
    rows: Iterable[SampleScore], part: Callable[[SampleScore], str]
) -> dict[str, Estimate]:
    members: defaultdict[str, list[ItemScore]] = defaultdict(list)
    # Sums of floats depend on their order.
    for row in sorted(rows, key=lambda row: row.sample_id):
        members[part(row)].append(row.scored(part(row)))
    return {name: estimate(items) for name, items in sorted(members.items())}
