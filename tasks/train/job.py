"""What a GRPO run is given, in one value that can travel to other processes."""

from dataclasses import dataclass, replace

from tasks.core.config import ModelConfig, RolloutConfig, TrainConfig
from tasks.core.reuse import work_key
from tasks.core.store import Store
from tasks.core.types import Artifact, Run


@dataclass(frozen=True, kw_only=True)
class GrpoJob:
    """Train `start` on `samples`."""

    run: Run
    start: Artifact
    samples: Artifact
    clips: Artifact
    model: ModelConfig
    rollout: RolloutConfig
    config: TrainConfig
    first_step: int = 0
    """Where the tracker's curves begin."""

    @property
    def store(self) -> Store:
        return Store(self.run.data_root)

    @property
    def key(self) -> str:
        """Where the run lies.

        What changes how it goes, but not what it computes, may change before it goes on.
        """
        usual, usual_rollout = TrainConfig(), RolloutConfig()
        config = replace(
            self.config,
            zero_stage=usual.zero_stage,
            offload_optimizer=usual.offload_optimizer,
            processes=usual.processes,
            prefetch_workers=usual.prefetch_workers,
            checkpoint_every_steps=usual.checkpoint_every_steps,
            checkpoints_kept=usual.checkpoints_kept,
            show_every_steps=usual.show_every_steps,
        )
        rollout = replace(
            self.rollout,
            vllm=usual_rollout.vllm,
            prompts_per_batch=usual_rollout.prompts_per_batch,
            logprob_gap_alarm=usual_rollout.logprob_gap_alarm,
        )
        inputs = (self.start.digest, self.samples.digest, self.clips.digest)
        return work_key("trained", "train", *inputs, self.model, rollout, config, self.run.seed)
