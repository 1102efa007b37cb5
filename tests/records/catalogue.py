"""The records, by name."""

from tests.records import (
    answers,
    benchmarks,
    frames,
    identities,
    losses,
    plans,
    prompts,
    rewards,
    scores,
    selection,
    training,
)
from tests.records.record import SUMS, Record

RECORDS = {
    record.name: record
    for record in (
        Record(name="seeds", holds="seeds and numbers drawn from them", compute=identities.seeds),
        Record(
            name="digests", holds="digests of values, bytes and folders", compute=identities.digests
        ),
        Record(
            name="training_order",
            holds="samples of each step, rows, learning rates, the key of a run",
            compute=identities.training,
            tolerance=SUMS,
        ),
        Record(name="rewards", holds="rewards of fixed answers", compute=rewards.rewards),
        Record(
            name="samples", holds="planned samples of every kind and level", compute=plans.samples
        ),
        Record(
            name="samples_by_plan",
            holds="samples by a difficulty plan",
            compute=plans.samples_by_plan,
        ),
        Record(name="viubench", holds="planned VIUBench items", compute=plans.viubench),
        Record(name="edits", holds="pixels of every edit", compute=frames.edits),
        Record(name="shown", holds="pixels and times of samples as shown", compute=frames.samples),
        Record(
            name="prompts",
            holds="chat text and tokens of samples",
            compute=prompts.prompts,
            tolerance=prompts.TOLERANCE,
        ),
        Record(
            name="losses",
            holds="GRPO's loss and its gradient by configuration",
            compute=losses.losses,
            tolerance=losses.TOLERANCE,
        ),
        Record(
            name="grpo",
            holds="two GRPO steps of a small policy by configuration",
            compute=training.grpo,
            tolerance=training.TOLERANCE,
        ),
        Record(
            name="warm_start",
            holds="three steps of a warm start",
            compute=training.warm_start,
            tolerance=training.WARM_TOLERANCE,
        ),
        Record(
            name="groups",
            holds="what a group's rewards say about its sample",
            compute=selection.groups,
            tolerance=SUMS,
        ),
        Record(
            name="selection",
            holds="difficulty plans and selected samples of fixed measurements",
            compute=selection.selection,
            tolerance=SUMS,
        ),
        Record(
            name="answers",
            holds="answers of a small policy",
            compute=answers.answers,
            tolerance=answers.TOLERANCE,
        ),
        Record(
            name="evaluation",
            holds="the main job's scores of a small policy",
            compute=answers.evaluation,
        ),
        Record(
            name="scores", holds="scores of scripted models", compute=scores.scores, tolerance=SUMS
        ),
        Record(
            name="promotion", holds="gains and decisions", compute=scores.promotion, tolerance=SUMS
        ),
        Record(
            name="diagnosis",
            holds="what answers tell about a data set",
            compute=scores.diagnosis,
            tolerance=SUMS,
        ),
        Record(
            name="benchmarks",
            holds="published benchmarks: questions, readings and scores of fixed models",
            compute=benchmarks.published,
            tolerance=SUMS,
        ),
        Record(
            name="built_viubench",
            holds="a VIUBench of one's own",
            compute=benchmarks.built,
            tolerance=SUMS,
        ),
    )
}
