"""The configuration of the train stage: the warm start and GRPO."""

from dataclasses import dataclass

from tasks.core.checks import above_zero, at_least, between, check, one_of
from tasks.core.reward import RewardKind

FIXED_TRAIN: dict[str, str | float] = {
    "train.ratio_clip_low": "0.2, as in PPO, GRPO, Dr. GRPO and DAPO",
    "train.max_skipped_in_a_row": "5, as in the warm start",
}
"""What could be set once, and what it is now."""
_MOST_STEPS = 10**7
_MOST_PROCESSES = 1024
"""Of one node."""


@dataclass(frozen=True)
class WarmStartConfig:
    """Short supervised phase for a policy that misses the answer format."""

    num_steps: int = 0
    batch_size: int = 16
    learning_rate: float = 1e-5
    checkpoint_every_steps: int = 50

    def __post_init__(self) -> None:
        check(self, at_least(0, most=_MOST_STEPS), "num_steps")
        check(self, at_least(1, most=_MOST_STEPS), "checkpoint_every_steps")
        check(self, at_least(1, most=65536), "batch_size")
        check(self, above_zero(1000), "learning_rate")


@dataclass(frozen=True)
class TrainConfig:
    """GRPO."""

    num_steps: int = 469
    prompts_per_step: int = 64
    reward: str = RewardKind.SMOOTH.value
    """`smooth` or `strict`, see `tasks.core.reward`."""
    learning_rate: float = 1e-6
    """The highest one, see `learning_rate_decay`."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0."""
    learning_rate_decay: str = "constant"
    """What follows: `constant`, or down to 0 at the last step, `linear` or `cosine`."""
    kl_coefficient: float = 1e-3
    ratio_clip_high: float = 0.2
    """How far above 1 a ratio still counts; below 1 it is 0.2."""
    divide_by_std: bool = True
    """Advantages in units of the group's standard deviation (GRPO), or not (Dr. GRPO)."""
    loss_average: str = "token"
    """What weighs the same: every `token` (DAPO), every answer (`sequence`, GRPO), or every token
    whatever the lengths (`constant`, Dr. GRPO)."""
    updates_per_batch: int = 1
    """Optimizer updates from one batch of rollouts, each from a part of its prompts. After the
    first, the rollout engine's log-probs are the old ones."""
    ratio_cap: float = 2.0
    """Where ratios to the rollout engine's log-probs are truncated, if updates are several."""
    flat_groups: str = "keep"
    """Groups whose rewards are all equal have no policy gradient: `keep` them (they hold the policy
    near the reference), `drop` them before the update, or `resample`: draw other samples in their
    place, then drop."""
    refill_rounds: int = 1
    """How often `resample` may draw, each time as many samples as there are flat groups."""
    max_grad_norm: float = 1.0
    microbatch_tokens: int = 16384
    """Most tokens of one forward and backward pass; a group with more gets a pass of its own."""
    freeze_vision: bool = False
    lora_rank: int = 0
    """0 trains the weights themselves; otherwise adapters of this rank beside every linear layer of
    the decoder, and of the vision tower unless it is frozen. The base without them is the
    reference."""
    lora_alpha: float = 32.0
    """An adapter's product counts `lora_alpha / lora_rank` times."""
    gradient_checkpointing: bool = True
    zero_stage: int = 2
    """What ranks split among them: 1 optimizer state, 2 gradients too, 3 weights too; 0 nothing."""
    offload_optimizer: bool = False
    """Keep optimizer state in the host's memory; from stage 1 on."""
    processes: int = 0
    """How many of this node train together; 0 is one for each GPU, and one without any."""
    prefetch_workers: int = 4
    """Processes, beside each one that trains, that render and encode the prompts of the next step
    meanwhile; 0 makes them when they are needed."""
    checkpoint_every_steps: int = 50
    checkpoints_kept: int = 3
    show_every_steps: int = 50
    """How often some groups are shown in the tracker, answers and frames; the first and the last
    step always are."""

    def __post_init__(self) -> None:
        check(
            self,
            at_least(1, most=_MOST_STEPS),
            "num_steps",
            "checkpoint_every_steps",
            "show_every_steps",
        )
        check(self, at_least(1, most=_MOST_STEPS), "checkpoints_kept")
        check(self, at_least(1, most=10**6), "prompts_per_step")
        check(self, at_least(1, most=2**30), "microbatch_tokens")
        check(self, one_of(*RewardKind), "reward")
        check(self, at_least(1, most=1000), "refill_rounds")
        # Each update takes prompts of its own.
        check(self, between(1, self.prompts_per_step), "updates_per_batch")
        check(self, above_zero(1000), "learning_rate", "ratio_clip_high")
        check(self, above_zero(), "max_grad_norm")
        # Below 1 it would cut the ratio of tokens whose probability did not change.
        check(self, at_least(1, most=10**6), "ratio_cap")
        check(self, one_of("token", "sequence", "constant"), "loss_average")
        check(self, one_of("keep", "drop", "resample"), "flat_groups")
        check(self, at_least(0, most=1000), "kl_coefficient")
        check(self, at_least(0, most=_MOST_STEPS), "warmup_steps")
        check(self, one_of("constant", "linear", "cosine"), "learning_rate_decay")
        check(self, between(0, 3), "zero_stage")
        check(self, at_least(0, most=_MOST_PROCESSES), "processes", "prefetch_workers")
        check(self, at_least(0, most=65536), "lora_rank")
        check(self, above_zero(10**6), "lora_alpha")
