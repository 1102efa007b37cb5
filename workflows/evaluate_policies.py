"""Policies -> scores: each on held-out samples and VIUBench, and shard by shard on benchmarks; the
challenger (of an ablation every variant) without its pictures too."""

from functools import partial

from flytekit import map_task, workflow

from tasks.benchmarks.records import Questions
from tasks.core.measurement import Selection
from tasks.core.records import Candidate, DataSet, Job
from tasks.core.scores import Evaluated
from tasks.core.types import Artifact
from tasks.evaluate.task import (
    add_first_anchor,
    answer_shard,
    ask_blind,
    ask_candidates,
    evaluate_candidate,
    list_controls,
    score_benchmarks,
    score_unseen,
)


@workflow
def evaluate_policies(
    candidates: list[Candidate],
    base: Artifact,
    questions: Questions,
    selections: list[Selection],
    data: DataSet,
    job: Job,
) -> Evaluated:
    """Every candidate is asked the same, and `base` the anchor; `questions` are those of the
    benchmarks, and `selections` what calibration measured, and how fast."""
    known = add_first_anchor(questions=questions, data=data, job=job)
    evaluate = partial(evaluate_candidate, data=data, job=job)
    evaluated = map_task(evaluate)(candidate=candidates)
    asked = ask_candidates(
        candidates=candidates, base=base, questions=known, selections=selections, job=job
    )
    answered = map_task(partial(answer_shard, questions=known, job=job))(asked=asked)
    # What the scores would be without looking: chance, the best constant, and without pictures.
    trials = list_controls(candidates=candidates, asked=asked, questions=known, job=job)
    blind = map_task(partial(ask_blind, questions=known, data=data, job=job))(trial=trials)
    scored: Evaluated = score_benchmarks(
        evaluated=evaluated,
        answered=answered,
        unseen=score_unseen(data=data, questions=known, job=job, is_wanted=True),
        blind=blind,
        questions=known,
        job=job,
    )
    return scored
