"""Who is scored, and on the run's own samples how."""

import time
from collections.abc import Sequence
from dataclasses import replace

from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.records import Candidate, DataSet, Job
from tasks.core.reuse import once, work_key
from tasks.core.scores import AFTER, BEFORE, CHAMPION, Evaluation, SampleScore
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy
from tasks.core.types import Artifact, Sample
from tasks.evaluate.score_policy import aggregate, evaluation_report, score_policy
from tasks.rollout.open_answerer import open_policy_answerer
from tasks.rollout.videos import ClipVideos


def candidates_of(
    before: Artifact, trainings: Sequence[TrainedPolicy], champion: Artifact | None
) -> list[Candidate]:
    """The policy GRPO started from, those it made round by round, and the champion if there is
    one. The last one is the challenger, which has to see."""
    *between, last = [training.policy for training in trainings]
    rounds = [
        Candidate(name=f"round {number}", policy=policy) for number, policy in enumerate(between, 1)
    ]
    return [
        Candidate(name=BEFORE, policy=before),
        *rounds,
        Candidate(name=AFTER, policy=last, is_controlled=True),
        *([Candidate(name=CHAMPION, policy=champion)] if champion else []),
    ]


def variants_of(
    before: Artifact, names: Sequence[str], trainings: Sequence[TrainedPolicy]
) -> list[Candidate]:
    """The policies of an ablation, and the one that all of them started from."""
    variants = [
        Candidate(name=name, policy=found.policy, is_controlled=True)
        for name, found in zip(names, trainings, strict=True)
    ]
    return [Candidate(name=BEFORE, policy=before), *variants]


def evaluate_once(store: Store, candidate: Candidate, data: DataSet, job: Job) -> Evaluation:
    """Score a candidate's policy on held-out samples and VIUBench; one that was scored before on
    the same samples is not scored again."""
    started = time.perf_counter()
    run, model, rollout, config = job.run, job.config.model, job.config.rollout, job.config.evaluate
    # The candidate's name is left out: one policy may be the champion here and the start there, and
    # is scored once. Of `model` only the type counts, since the weights are the policy's.
    inputs = (
        candidate.policy.digest,
        data.samples.digest,
        data.clips.digest,
        model.dtype,
        rollout,
        config.heldout_rollouts_per_sample,
        run.seed,
    )
    key = work_key("evaluated", "evaluate", *inputs)

    def score() -> Evaluation:
        samples = read_rows(store, data.samples, Sample)
        videos = ClipVideos(store, read_clips(store, data.clips))
        with open_policy_answerer(store, candidate.policy, model, rollout, run.seed) as answerer:
            rows = score_policy(store, answerer, samples, videos, rollout, config)
        scores = aggregate(
            rows,
            name=candidate.name,
            policy=candidate.policy,
            predictions=write_rows(store, f"{key}/predictions.parquet", SampleScore, rows),
        )
        report = evaluation_report(scores, seconds=time.perf_counter() - started, reused=False)
        return Evaluation(scores=scores, report=report)

    scored = once(store, key, Evaluation, score)
    if not scored.reused:
        return scored.output
    scores = replace(scored.output.scores, name=candidate.name)
    return Evaluation(scores=scores, report=evaluation_report(scores, seconds=0.0, reused=True))
