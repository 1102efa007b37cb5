"""Calibrate and train, once or in rounds: the plan of one round says which samples the next one
gets."""

from functools import partial

from flytekit import map_task, workflow

from tasks.calibrate.task import measure_shard, publish_plan, select_samples, shard_samples
from tasks.core.measurement import DifficultyPlan
from tasks.core.records import DataSet, Job
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_dynamic
from tasks.train.task import train_policy
from workflows.build_dataset import plan_samples
from workflows.outputs import TrainedRound, TrainedRounds


@workflow
def train_round(
    data: DataSet, policy: Artifact, plan: DifficultyPlan, job: Job, first_step: int = 0
) -> TrainedRound:
    """Measure where it teaches most, plan, select, and train on what was selected."""
    pools = shard_samples(data=data, job=job)
    measure = partial(measure_shard, data=data, policy=policy, plan=plan, job=job)
    selection = select_samples(shards=map_task(measure)(pool=pools), plan=plan, job=job)
    trained = train_policy(
        policy=policy, samples=selection.samples, data=data, job=job, first_step=first_step
    )
    return TrainedRound(selection=selection, trained=trained)


@stage_dynamic("light")
def train_rounds(data: DataSet, policy: Artifact, plan: DifficultyPlan, job: Job) -> TrainedRounds:
    """`rounds` rounds; the plan of the last one is where the next run starts."""
    done = [train_round(data=data, policy=policy, plan=plan, job=job)]
    # Samples of the first round were planned with the data set.
    for number in range(1, job.config.rounds):
        before = done[-1]
        done.append(
            train_round(
                data=plan_samples(data=data, plan=before.selection.plan, job=job),
                policy=before.trained.policy,
                plan=before.selection.plan,
                job=job,
                # The rounds are one curve: MLflow keeps both of two points with the same step.
                first_step=number * job.config.train.num_steps,
            )
        )
    publish_plan(start=plan, selection=done[-1].selection, data=data, job=job)
    return TrainedRounds(
        selections=[found.selection for found in done],
        trainings=[found.trained for found in done],
    )
