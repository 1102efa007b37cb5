"""Door of the train stage: the warm start, and GRPO."""

from tasks.core.records import DataSet, Job
from tasks.core.training import StartPolicy, TrainedPolicy
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_on_nodes, stage_task


@stage_task("train")
def warm_start_policy(data: DataSet, job: Job) -> StartPolicy:
    """The policy to start from: the base model, after `warm_start.num_steps` supervised steps."""
    from tasks.core.store import Store
    from tasks.tracking.run import stage
    from tasks.train.warm_start import start_policy

    run, config = job.run, job.config
    with stage(run, "warm_start") as tracker:
        return start_policy(
            Store(run.data_root),
            data.samples,
            data.clips,
            config.model,
            config.warm_start,
            tracker,
            run.seed,
        )


@stage_on_nodes("train")
def train_policy(
    policy: Artifact,
    samples: Artifact,
    data: DataSet,
    job: Job,
    first_step: int = 0,
) -> TrainedPolicy:
    """GRPO from `policy` on `samples`, from the last checkpoint of a run that was cut off.

    Metrics are logged from `first_step` on: where the rounds before ended.
    """
    from tasks.train.job import GrpoJob
    from tasks.train.launch import train_on_nodes

    return train_on_nodes(
        GrpoJob(
            run=job.run,
            start=policy,
            samples=samples,
            clips=data.clips,
            model=job.config.model,
            rollout=job.config.rollout,
            config=job.config.train,
            first_step=first_step,
        )
    )
