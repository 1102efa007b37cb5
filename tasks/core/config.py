"""The configuration of a run: one frozen dataclass a stage. Presets (`workflows/presets.py`) fill
them in.

Defaults are the paper's recipe where it states a number. `tasks.core.overrides` reads changes from
a user. A value that would only hurt later is refused here, with a ValueError.
"""

from dataclasses import dataclass, field

from tasks.core.checks import (
    LEVELS,
    NAME,
    NAMES,
    SHARE,
    above_zero,
    at_least,
    check,
    one_of,
    per_item_of,
)
from tasks.core.ingest_config import IngestConfig as IngestConfig
from tasks.core.score_config import ANCHOR, FIRST, OVERALL, PLACES
from tasks.core.score_config import BenchmarkConfig as BenchmarkConfig
from tasks.core.score_config import EvaluateConfig as EvaluateConfig
from tasks.core.score_config import PromoteConfig as PromoteConfig
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION
from tasks.core.train_config import TrainConfig as TrainConfig
from tasks.core.train_config import WarmStartConfig as WarmStartConfig


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
    """Share of the training samples that are spread evenly over all cells, though a difficulty plan
    says otherwise."""
    viubench_items_per_type: int = 300
    shard_size_clips: int = 1000

    def __post_init__(self) -> None:
        check(self, NAMES, "pretexts", "grounding_kinds", "jigsaw_kinds")
        check(self, LEVELS, "levels")
        counts = per_item_of(self.pretexts, "pretexts", most=10**4)
        check(self, counts, "train_samples_per_clip", "heldout_samples_per_clip")
        check(self, SHARE, "exploration")
        check(self, at_least(1, most=10**6), "viubench_items_per_type", "shard_size_clips")


@dataclass(frozen=True)
class ValidateConfig:
    """What makes a manifest good enough to train on."""

    num_rerendered: int = 256
    """Rows drawn at random that are rendered again, from frames that must be their clips'."""
    max_rejected_share: float = 0.9
    """Most of the inputs that ingest may have rejected."""
    needs_training_split: bool = True
    """Whether manifests without training clips and samples are refused; a benchmark has none."""

    def __post_init__(self) -> None:
        check(self, at_least(1, most=10**7), "num_rerendered")
        check(self, SHARE, "max_rejected_share")


@dataclass(frozen=True)
class ModelConfig:
    """Which policy to start from."""

    base: str = "Qwen/Qwen3-VL-8B-Instruct"
    """Hub name, folder in Hugging Face layout, `small` for the model of 2.3 million parameters in
    this package, or `tiny` for one that is made on the spot."""
    tiny_hidden_size: int = 160
    tiny_num_layers: int = 4
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check(self, NAME, "base")
        # One attention head of the tiny model is 32 wide (`tasks.policy.tiny`); less would leave
        # none.
        check(self, at_least(32, most=8192), "tiny_hidden_size")
        check(self, at_least(1, most=256), "tiny_num_layers")
        check(self, one_of("float32", "bfloat16", "float16"), "dtype")


@dataclass(frozen=True)
class VllmConfig:
    """How vLLM uses its device; changes nothing about what is sampled."""

    max_model_tokens: int = 8192
    """Longest prompt with its answer."""
    max_batch_tokens: int = 8192
    """Tokens taken in one step; a longest prompt is taken in one piece, so at least
    `max_model_tokens` count."""
    max_sequences: int = 256
    """Answers written at the same time."""
    cache_gib: float = 8.0
    """Memory for keys and values."""
    eager: bool = False
    """Without compilation and CUDA graphs: starts sooner, writes slower. On a CPU it is always
    so."""
    tensor_parallel: int = 1
    """GPUs that hold one engine together, for a model that is too large for one. Where several
    processes train, as many of them share an engine; every other way the engines are independent
    (data parallel)."""
    sleep: bool = True
    """Give the GPU's memory to the trainer during updates; turn it off where both fit."""

    def __post_init__(self) -> None:
        check(self, at_least(1, most=2**24), "max_model_tokens", "max_batch_tokens")
        check(self, at_least(1, most=65536), "max_sequences")
        check(self, at_least(1, most=1024), "tensor_parallel")
        check(self, above_zero(16384), "cache_gib")


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
    """Mean difference (nats a token) between engine and policy from which a step is counted and
    warned about."""
    vllm: VllmConfig = field(default_factory=VllmConfig)

    def __post_init__(self) -> None:
        check(self, one_of("transformers", "vllm"), "engine")
        # Advantages are deviations from the group's mean: a group of one has none.
        check(self, at_least(2, most=4096), "rollouts_per_prompt")
        check(self, above_zero(100), "temperature")
        check(self, above_zero(), "logprob_gap_alarm")
        check(self, at_least(1, most=2**20), "max_answer_tokens")
        check(self, at_least(1, most=65536), "prompts_per_batch")


@dataclass(frozen=True)
class CalibrateConfig:
    """How difficulty is measured, and which samples are chosen by it."""

    select_by: str = "plan"
    """`plan`: what was measured chooses; `all`: every sample of the pool is trained on, as without
    calibration."""
    max_rollouts: int = 12_000
    """Rollouts spent on measuring (5 % of the paper's epoch)."""
    rollouts_per_sample: int = 8
    num_samples: int = 30_000
    """Most samples selected for training."""
    min_spread: float = 1e-6
    """A group whose standard deviation of reward is at most this teaches nothing and is dropped."""
    pretext_floor: float = 0.8
    """Every pretext task keeps this part of its share of the pool, in measuring and in the plan:
    spread alone would favour tasks whose answers are guessed, and mixed beats single in the
    paper."""
    plan_temperature: float = 0.1
    """A cell whose groups spread by this much less is drawn 2.7 times less often."""
    min_share_with_spread: float = 0.9
    """A cell is left out of the plan if fewer of its groups are believed to have spread, unless
    none has more."""
    round_correlation: float = 0.6
    """How much a round tells about the next one; 1 would mean that the policy does not change."""
    shard_groups: int = 512
    """Groups measured by one shard."""

    def __post_init__(self) -> None:
        check(self, one_of("plan", "all"), "select_by")
        check(self, at_least(2, most=4096), "rollouts_per_sample")
        check(self, at_least(self.rollouts_per_sample, "rollouts_per_sample"), "max_rollouts")
        check(self, at_least(1), "num_samples")
        check(self, at_least(1, most=10**6), "shard_groups")
        check(self, SHARE, "min_spread")
        check(self, above_zero(100), "plan_temperature")
        check(self, SHARE, "pretext_floor", "min_share_with_spread", "round_correlation")

    @property
    def max_groups(self) -> int:
        return self.max_rollouts // self.rollouts_per_sample


@dataclass(frozen=True)
class RetrainConfig:
    """The whole main job."""

    seed: int = 0
    rounds: int = 1
    """How often perturb, calibrate and train follow each other, each time with the policy of the
    round before."""
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
        check(
            self, at_least(0, most=2**53 - 1), "seed"
        )  # whole numbers that every reader of JSON keeps exactly
        check(self, at_least(1, most=1000), "rounds")
        _check_places(self)


def _check_places(config: RetrainConfig) -> None:
    """What `promote` and `evaluate` name has to be there.

    Raises:
        ValueError: it is not.
    """
    evaluate, promote = config.evaluate, config.promote
    places = (*PLACES, *evaluate.benchmarks, *([ANCHOR] if evaluate.anchor == FIRST else []))
    between = (f"round {number}" for number in range(1, config.rounds))
    candidates = (BEFORE, *between, AFTER, CHAMPION, BASE)
    for where, names, known in (
        ("promote.must_win", promote.must_win, places),
        ("promote.may_lose", promote.may_lose, places),
        ("promote.overall", promote.overall, [name for name in places if name != OVERALL]),
        ("evaluate.answerers", evaluate.answerers, candidates),
    ):
        for name in names:
            if name not in known:
                raise ValueError(f"{where}: got {name!r}, expected some of {', '.join(known)}")
    if promote.must_see and not evaluate.blind:
        raise ValueError(
            "evaluate.blind: got none, but promote.must_see compares with answers that are given "
            "without pictures; name conditions, or set promote.must_see to false"
        )
