"""Door of the train stage: the warm start, and GRPO."""

from tasks.core.config import ModelConfig, RolloutConfig, TrainConfig, WarmStartConfig
from tasks.core.training import StartPolicy, Trained
from tasks.core.types import Artifact, Run
from tasks.deployment.stage_task import stage_on_nodes, stage_task


@stage_task("train")
def warm_start_policy(
    samples: Artifact, clips: Artifact, run: Run, model: ModelConfig, config: WarmStartConfig
) -> StartPolicy:
    """The policy to start from: the base model, after `config.num_steps` supervised steps."""
    from tasks.core.store import Store
    from tasks.tracking.run import stage
    from tasks.train.warm_start import start_policy

    with stage(run, "warm_start") as tracker:
        return start_policy(Store(run.data_root), samples, clips, model, config, tracker, run.seed)


@stage_on_nodes("train")
def train_policy(
    policy: Artifact,
    samples: Artifact,
    clips: Artifact,
    run: Run,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: TrainConfig,
    first_step: int = 0,
) -> Trained:
    """GRPO from `policy` on `samples`, from the last checkpoint of a run that was cut off.

    Metrics are logged from `first_step` on: where the rounds before ended.
    """
    from tasks.train.job import GrpoJob
    from tasks.train.launch import train_on_nodes

    return train_on_nodes(
        GrpoJob(
            run=run,
            start=policy,
            samples=samples,
            clips=clips,
            model=model,
            rollout=rollout,
            config=config,
            first_step=first_step,
        )
    )
