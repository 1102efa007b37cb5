"""Calibrate and train, once or in rounds: the plan of one round says which samples the next one gets."""

from functools import partial

from flytekit import map_task, workflow

from tasks.calibrate.task import measure_shard, publish_plan, select_samples, shard_samples
from tasks.core.config import RetrainConfig
from tasks.core.measurement import DifficultyPlan
from tasks.core.types import Artifact, Run
from tasks.deployment.stage_task import stage_dynamic
from tasks.train.task import train_policy
from workflows.build_dataset import plan_samples
from workflows.outputs import TrainedRound, TrainedRounds


@workflow
def train_round(
    samples: Artifact,
    clips: Artifact,
    policy: Artifact,
    plan: DifficultyPlan,
    run: Run,
    config: RetrainConfig,
    first_step: int = 0,
) -> TrainedRound:
    """Measure where it teaches most, plan, select, and train on what was selected."""
    pools = shard_samples(samples=samples, run=run, config=config.calibrate)
    measured = map_task(
        partial(
            measure_shard,
            clips=clips,
            policy=policy,
            plan=plan,
            run=run,
            model=config.model,
            rollout=config.rollout,
            config=config.calibrate,
        )
    )(pool=pools)
    selection = select_samples(shards=measured, plan=plan, run=run, config=config.calibrate)
    trained = train_policy(
        policy=policy,
        samples=selection.samples,
        clips=clips,
        run=run,
        model=config.model,
        rollout=config.rollout,
        config=config.train,
        first_step=first_step,
    )
    return TrainedRound(selection=selection, trained=trained)


@stage_dynamic("light")
def train_rounds(
    clips: Artifact,
    rejected: Artifact,
    samples: Artifact,
    policy: Artifact,
    plan: DifficultyPlan,
    run: Run,
    config: RetrainConfig,
) -> TrainedRounds:
    """`config.rounds` rounds; the plan of the last one is where the next run starts."""
    done = [train_round(samples=samples, clips=clips, policy=policy, plan=plan, run=run, config=config)]
    for number in range(1, config.rounds):
        before = done[-1]
        planned = plan_samples(clips=clips, rejected=rejected, plan=before.selection.plan, run=run, config=config)
        done.append(
            train_round(
                samples=planned.validated.samples,
                clips=clips,
                policy=before.trained.policy,
                plan=before.selection.plan,
                run=run,
                config=config,
                first_step=number * config.train.num_steps,
            )
        )
    publish_plan(start=plan, selection=done[-1].selection, clips=clips, run=run, config=config)
    return TrainedRounds(
        selections=[found.selection for found in done],
        trainings=[found.trained for found in done],
    )
