"""The configuration of a run: one frozen dataclass a stage. Presets (`workflows/presets.py`) fill them in.

Defaults are the paper's recipe where it states a number. `tasks.core.overrides` reads changes from a user.
A value that would only hurt later is refused here, with a ValueError.
"""

from dataclasses import dataclass, field

from tasks.core.checks import (
    COUNT,
    LEVELS,
    NAME,
    NAMES,
    POSITIVE,
    SHARE,
    at_least,
    between,
    check,
    one_of,
    per_item_of,
)
from tasks.core.ingest_config import IngestConfig as IngestConfig
from tasks.core.score_config import PLACES as PLACES
from tasks.core.score_config import EvaluateConfig as EvaluateConfig
from tasks.core.score_config import PromoteConfig as PromoteConfig


@dataclass(frozen=True)
class PerturbConfig:
    """Clips -> samples."""

    pretexts: tuple[str, ...] = ("grounding", "counting", "jigsaw")
    grounding_kinds: tuple[str, ...] = ("channel_swap", "mirror", "zoom_out", "rotate_180")
    """Of the fifteen in `tasks.perturb.grounding`."""
    jigsaw_kinds: tuple[str, ...] = ("clips",)
    """`clips`: parts as separate clips, as in the paper's release; `video`: parts in one video."""
    levels: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    train_samples_per_clip: tuple[int, ...] = (12, 6, 12)
    """One number for each of `pretexts`; the default has the paper's proportions."""
    heldout_samples_per_clip: tuple[int, ...] = (12, 6, 12)
    exploration: float = 0.1
    """Share of the training samples that are spread evenly over all cells, though a difficulty plan says otherwise."""
    viubench_items_per_type: int = 300
    shard_size_clips: int = 1000

    def __post_init__(self) -> None:
        check(self, NAMES, "pretexts", "grounding_kinds", "jigsaw_kinds")
        check(self, LEVELS, "levels")
        check(self, per_item_of(self.pretexts, "pretexts"), "train_samples_per_clip", "heldout_samples_per_clip")
        check(self, SHARE, "exploration")
        check(self, COUNT, "viubench_items_per_type", "shard_size_clips")


@dataclass(frozen=True)
class ValidateConfig:
    """What makes a manifest good enough to train on."""

    num_rerendered: int = 256
    """Rows drawn at random whose answer is proved again from their pixels."""
    max_rejected_share: float = 0.9
    """Most of the inputs that ingest may have rejected."""
    needs_training_split: bool = True
    """Whether manifests without training clips and samples are refused; a benchmark has none."""

    def __post_init__(self) -> None:
        check(self, COUNT, "num_rerendered")
        check(self, SHARE, "max_rejected_share")


@dataclass(frozen=True)
class ModelConfig:
    """Which policy to start from."""

    base: str = "Qwen/Qwen3-VL-8B-Instruct"
    """Hub name or folder in Hugging Face layout, or `tiny` for the small model that is made on the spot."""
    tiny_hidden_size: int = 160
    tiny_num_layers: int = 4
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check(self, NAME, "base")
        check(self, at_least(32), "tiny_hidden_size")
        check(self, COUNT, "tiny_num_layers")
        check(self, one_of("float32", "bfloat16", "float16"), "dtype")


@dataclass(frozen=True)
class VllmConfig:
    """How vLLM uses its device; changes nothing about what is sampled."""

    max_model_tokens: int = 8192
    """Longest prompt with its answer."""
    max_batch_tokens: int = 8192
    """Tokens taken in one step; a longest prompt is taken in one piece, so at least `max_model_tokens` count."""
    max_sequences: int = 256
    """Answers written at the same time."""
    cache_gib: float = 8.0
    """Memory for keys and values."""
    eager: bool = False
    """Without compilation and CUDA graphs: starts sooner, writes slower. On a CPU it is always so."""
    sleep: bool = True
    """Give the GPU's memory to the trainer during updates; turn it off where both fit."""

    def __post_init__(self) -> None:
        check(self, COUNT, "max_model_tokens", "max_batch_tokens", "max_sequences")
        check(self, POSITIVE, "cache_gib")


@dataclass(frozen=True)
class RolloutConfig:
    """How answers are sampled."""

    engine: str = "transformers"
    rollouts_per_prompt: int = 8
    temperature: float = 1.0
    max_answer_tokens: int = 32
    prompts_per_batch: int = 8
    """Prompts that the transformers engine answers at once; vLLM decides for itself."""
    logprob_gap_alarm: float = 0.05
    """Mean difference (nats a token) between engine and policy from which a step is counted and warned about."""
    vllm: VllmConfig = field(default_factory=VllmConfig)

    def __post_init__(self) -> None:
        check(self, one_of("transformers", "vllm"), "engine")
        check(self, at_least(2), "rollouts_per_prompt")
        check(self, POSITIVE, "temperature", "logprob_gap_alarm")
        check(self, COUNT, "max_answer_tokens", "prompts_per_batch")


@dataclass(frozen=True)
class CalibrateConfig:
    """How difficulty is measured, and which samples are chosen by it."""

    select_by: str = "plan"
    """`plan`: what was measured chooses; `all`: every sample of the pool is trained on, as without calibration."""
    max_rollouts: int = 12_000
    """Rollouts spent on measuring (5 % of the paper's epoch)."""
    rollouts_per_sample: int = 8
    num_samples: int = 30_000
    """Most samples selected for training."""
    min_spread: float = 1e-6
    """A group whose standard deviation of reward is at most this teaches nothing and is dropped."""
    pretext_floor: float = 0.8
    """Every pretext task keeps this part of its share of the pool, in measuring and in the plan: spread alone would
    favour tasks whose answers are guessed, and mixed beats single in the paper."""
    plan_temperature: float = 0.1
    """A cell whose groups spread by this much less is drawn 2.7 times less often."""
    min_share_with_spread: float = 0.9
    """A cell is left out of the plan if fewer of its groups are believed to have spread, unless none has more."""
    round_correlation: float = 0.6
    """How much a round tells about the next one; 1 would mean that the policy does not change."""
    shard_groups: int = 512
    """Groups measured by one shard."""

    def __post_init__(self) -> None:
        check(self, one_of("plan", "all"), "select_by")
        check(self, COUNT, "max_rollouts", "num_samples", "shard_groups")
        check(self, at_least(2), "rollouts_per_sample")
        check(self, at_least(self.rollouts_per_sample, "rollouts_per_sample"), "max_rollouts")
        check(self, at_least(0), "min_spread")
        check(self, POSITIVE, "plan_temperature")
        check(self, SHARE, "pretext_floor", "min_share_with_spread", "round_correlation")

    @property
    def max_groups(self) -> int:
        return self.max_rollouts // self.rollouts_per_sample


@dataclass(frozen=True)
class WarmStartConfig:
    """Short supervised phase for a policy that misses the answer format."""

    num_steps: int = 0
    batch_size: int = 16
    learning_rate: float = 1e-5
    checkpoint_every_steps: int = 50

    def __post_init__(self) -> None:
        check(self, at_least(0), "num_steps")
        check(self, COUNT, "batch_size", "checkpoint_every_steps")
        check(self, POSITIVE, "learning_rate")


@dataclass(frozen=True)
class TrainConfig:
    """GRPO."""

    num_steps: int = 469
    prompts_per_step: int = 64
    reward: str = "smooth"
    """`smooth`: how near the answer is; `strict`: 1 if exactly right, else 0 (the paper's ablation)."""
    learning_rate: float = 1e-6
    """The highest one, see `learning_rate_decay`."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0."""
    learning_rate_decay: str = "constant"
    """What follows: `constant`, or down to 0 at the last step, `linear` or `cosine`."""
    kl_coefficient: float = 1e-3
    ratio_clip_low: float = 0.2
    ratio_clip_high: float = 0.2
    divide_by_std: bool = True
    """Advantages in units of the group's standard deviation (GRPO), or not (Dr. GRPO)."""
    loss_average: str = "token"
    """What weighs the same: every `token` (DAPO), every answer (`sequence`, GRPO), or every token whatever the lengths
    (`constant`, Dr. GRPO)."""
    updates_per_batch: int = 1
    """Optimizer updates from one batch of rollouts, each from a part of its prompts. After the first, the rollout
    engine's log-probs are the old ones."""
    ratio_cap: float = 2.0
    """Where ratios to the rollout engine's log-probs are truncated; only with several updates per batch."""
    flat_groups: str = "keep"
    """Groups whose rewards are all equal have no policy gradient: `keep` them (they hold the policy near the
    reference), `drop` them before the update, or `resample`: draw other samples in their place, then drop."""
    refill_rounds: int = 1
    """How often `resample` may draw, each time as many samples as there are flat groups."""
    max_grad_norm: float = 1.0
    microbatch_tokens: int = 16384
    """Most tokens of one forward and backward pass; a group that has more gets a pass of its own."""
    freeze_vision: bool = False
    gradient_checkpointing: bool = True
    zero_stage: int = 2
    """What ranks split among them: 1 optimizer state, 2 gradients too, 3 weights too; 0 nothing."""
    offload_optimizer: bool = False
    """Keep optimizer state in the host's memory; from stage 1 on."""
    processes: int = 0
    """How many of this node train together; 0 is one for each GPU, and one without any."""
    checkpoint_every_steps: int = 50
    checkpoints_kept: int = 3
    max_skipped_in_a_row: int = 5
    """Steps without an update, because the gradient was not finite, after which the run gives up."""

    def __post_init__(self) -> None:
        check(self, COUNT, "num_steps", "prompts_per_step", "microbatch_tokens")
        check(self, COUNT, "checkpoint_every_steps", "checkpoints_kept", "max_skipped_in_a_row")
        check(self, one_of("smooth", "strict"), "reward")
        check(self, COUNT, "updates_per_batch", "refill_rounds")
        check(self, between(1, self.prompts_per_step), "updates_per_batch")
        check(self, POSITIVE, "learning_rate", "ratio_clip_low", "ratio_clip_high", "max_grad_norm")
        check(self, at_least(1), "ratio_cap")
        check(self, one_of("token", "sequence", "constant"), "loss_average")
        check(self, one_of("keep", "drop", "resample"), "flat_groups")
        check(self, at_least(0), "kl_coefficient")
        check(self, at_least(0), "warmup_steps")
        check(self, one_of("constant", "linear", "cosine"), "learning_rate_decay")
        check(self, between(0, 3), "zero_stage")
        check(self, at_least(0), "processes")


@dataclass(frozen=True)
class RetrainConfig:
    """The whole main job."""

    seed: int = 0
    rounds: int = 1
    """How often perturb, calibrate and train follow each other, each time with the policy of the round before."""
    ingest: IngestConfig = field(default_factory=IngestConfig)
    perturb: PerturbConfig = field(default_factory=PerturbConfig)
    validate: ValidateConfig = field(default_factory=ValidateConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    promote: PromoteConfig = field(default_factory=PromoteConfig)

    def __post_init__(self) -> None:
        check(self, at_least(0), "seed")
        check(self, COUNT, "rounds")
