"""Presets: whole configurations as code. `--overrides` changes single values of one."""

from collections.abc import Callable
from dataclasses import replace

from tasks.core.config import (
    CalibrateConfig,
    EvaluateConfig,
    IngestConfig,
    ModelConfig,
    PerturbConfig,
    PromoteConfig,
    RetrainConfig,
    RolloutConfig,
    TrainConfig,
    ValidateConfig,
    WarmStartConfig,
)
from tasks.core.errors import InputError


def demo() -> RetrainConfig:
    """A small model that can see a little, on a laptop: minutes on two cores without a GPU."""
    return RetrainConfig(
        ingest=IngestConfig(
            num_frames=8, min_area_px=64 * 64, max_area_px=64 * 96, heldout_share=0.4
        ),
        perturb=PerturbConfig(
            levels=(0.0, 0.5),  # jigsaws of two and three clips; VIUBench asks at the last
            train_samples_per_clip=(16, 8, 8),
            heldout_samples_per_clip=(8, 6, 6),
            viubench_items_per_type=24,
        ),
        validate=ValidateConfig(num_rerendered=128),
        model=ModelConfig(base="small", dtype="float32"),
        rollout=RolloutConfig(max_answer_tokens=12, prompts_per_batch=32),
        # Twelve cells, and held-out questions of all: breadth counts for more than spread.
        calibrate=CalibrateConfig(
            max_rollouts=1024, num_samples=512, plan_temperature=0.5, min_share_with_spread=0.4
        ),
        warm_start=WarmStartConfig(num_steps=0),  # the base was pretrained
        train=TrainConfig(
            num_steps=120,
            prompts_per_step=8,
            learning_rate=2e-4,
            # Few clips teach it to say what it sees; they would unteach it some of the seeing.
            freeze_vision=True,
            gradient_checkpointing=False,
            # One process has nothing to split, and float32 weights need no copy.
            zero_stage=0,
            prefetch_workers=0,  # both cores train
            checkpoint_every_steps=20,
        ),
        evaluate=EvaluateConfig(heldout_rollouts_per_sample=4),
        promote=PromoteConfig(model_name="videossr-demo"),
    )


def smoke() -> RetrainConfig:
    """The demo cut down to seconds: shows that every part works, not that the model learns.

    So `promote.min_videos` is 0: five held-out videos may promote, the fewest that an interval can
    be given for. Nor must it see (`promote.must_see`), which seconds teach nobody: what blind and
    constant answers would score is shown all the same.
    """
    base = demo()
    return replace(
        base,
        ingest=replace(
            base.ingest, num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, heldout_share=0.3
        ),
        perturb=replace(
            base.perturb,
            levels=(0.0, 0.5, 0.75),
            train_samples_per_clip=(4, 1, 1),
            heldout_samples_per_clip=(4, 1, 1),
            viubench_items_per_type=2,
        ),
        validate=replace(base.validate, num_rerendered=16),
        model=ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32"),
        rollout=replace(base.rollout, rollouts_per_prompt=4, prompts_per_batch=16),
        calibrate=replace(base.calibrate, max_rollouts=64, rollouts_per_sample=4, num_samples=24),
        warm_start=replace(base.warm_start, num_steps=60, batch_size=8, learning_rate=3e-3),
        train=replace(
            base.train,
            num_steps=6,
            prompts_per_step=4,
            freeze_vision=False,
            checkpoint_every_steps=2,
        ),
        evaluate=replace(base.evaluate, heldout_rollouts_per_sample=2),
        promote=replace(base.promote, min_videos=0, must_see=False),
    )


def videossr_8b() -> RetrainConfig:
    """The paper's recipe: Qwen3-VL-8B-Instruct, 30,000 samples, one epoch.

    64 prompts of 8 rollouts a step.
    """
    return RetrainConfig()


def videossr_8b_lora() -> RetrainConfig:
    """The same data and steps with adapters in the decoder alone.

    No second copy of the weights, no optimizer state for them: one GPU of 80 GB is meant to do.
    """
    base = videossr_8b()
    train = replace(
        base.train, lora_rank=64, lora_alpha=128.0, learning_rate=1e-5, freeze_vision=True
    )
    return replace(base, train=train)


def dr_grpo() -> RetrainConfig:
    """Dr. GRPO ("GRPO done right", arXiv 2503.20783) on the data and steps of `videossr_8b`.

    Its two changes to GRPO: advantages are not divided by the group's deviation, which makes nearly
    solved and nearly hopeless questions count most, and tokens weigh the same whatever the lengths
    of answers, which removes the gain of long wrong ones. As in the paper there is no KL term, and
    one update for each batch of rollouts. Not from the paper: its batch (128 prompts), its data,
    model and rewards, which are strict there.
    """
    base = videossr_8b()
    train = replace(base.train, divide_by_std=False, loss_average="constant", kl_coefficient=0.0)
    return replace(base, train=train)


def dapo() -> RetrainConfig:
    """DAPO (arXiv 2503.14476) on the data and steps of `videossr_8b`.

    Of its four techniques three are here: clip higher (0.28 above 1, 0.2 below); dynamic sampling,
    as far as two rounds of refills go, where the paper asks until the batch is full; the
    token-level loss. The fourth, a soft punishment of overlong answers, has nothing to do in
    answers of at most 32 tokens. As in the paper there is no KL term, the learning rate warms up
    over 20 steps, and a batch of rollouts serves 16 updates. Not from the paper: its batch (512
    prompts of 16 answers), its weight decay, data, model and rewards (1 or -1 there), and ratios
    are truncated (`train.ratio_cap`), because the old log-probs are the rollout engine's.
    """
    base = videossr_8b()
    train = replace(
        base.train,
        ratio_clip_high=0.28,
        flat_groups="resample",
        refill_rounds=2,
        loss_average="token",
        kl_coefficient=0.0,
        warmup_steps=20,
        updates_per_batch=16,
    )
    return replace(base, train=train)


PRESETS: dict[str, Callable[[], RetrainConfig]] = {
    "demo": demo,
    "smoke": smoke,
    "videossr_8b": videossr_8b,
    "videossr_8b_lora": videossr_8b_lora,
    "dr_grpo": dr_grpo,
    "dapo": dapo,
}


def preset_config(name: str) -> RetrainConfig:
    """The configuration called `name`.

    Raises:
        InputError: there is none.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; expected one of: {', '.join(PRESETS)}")
    return PRESETS[name]()
