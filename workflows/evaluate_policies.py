"""Policies -> scores: each on held-out samples and VIUBench, and shard by shard on benchmarks."""

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
    ask_candidates,
    evaluate_candidate,
    score_benchmarks,
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
    scored: Evaluated = score_benchmarks(
        evaluated=evaluated, answered=answered, questions=known, job=job
    )
    return scored
