"""A GRPO trainer outside of a run: over made-up clips what benches time step by step, over given
ones with prompts of any source."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.core.config import PerturbConfig, RolloutConfig, TrainConfig
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.setup import make_collector
from tasks.rollout.source import PromptMaker, PromptSource
from tasks.train.loop import Grpo
from tasks.train.trainable import frozen_copy, make_trainable
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.samples import plan_all


def make_grpo(
    folder: Path,
    policy: Policy,
    reference: Policy | None,
    *,
    config: TrainConfig,
    rollout: RolloutConfig,
    num_clips: int = 2,
    num_frames: int,
    side_px: int,
    engine: Any | None = None,
) -> tuple[Grpo, list[Sample]]:
    """The trainer, and one grounding sample of each clip; `engine` stands in for the one that
    `config` asks for.

    An `engine` is an `Updater` that also gives `named_weights`.
    """
    store = Store(str(folder))
    made = [make_clip(f"clip{i}", num_frames=num_frames, side_px=side_px) for i in range(num_clips)]
    clips = {
        clip.clip_id: clip
        for clip in (store_clip(store, clip, seed=i) for i, clip in enumerate(made))
    }
    samples = plan_all(
        list(clips.values()), PerturbConfig(levels=(0.0,), train_samples_per_clip=(1, 0, 0))
    )
    grpo = grpo_over(store, clips, policy, reference, config=config, rollout=rollout, engine=engine)
    return grpo, samples


def grpo_over(
    store: Store,
    clips: Mapping[str, Clip],
    policy: Policy,
    reference: Policy | None,
    *,
    config: TrainConfig,
    rollout: RolloutConfig,
    prompts: PromptSource | None = None,
    engine: Any | None = None,
) -> Grpo:
    """The trainer over `clips` (by id); `prompts` stands in for the source of the real frames."""
    make_trainable(policy.model, config, seed=0)
    engine = engine or _train_engine(policy, config)
    real = PromptMaker(policy.processor, store, clips, encodes=True)
    return Grpo(
        policy=policy,
        reference=frozen_copy(reference) if reference is not None else None,
        engine=engine,
        weights=engine.named_weights,
        collector=replace(
            make_collector(policy, rollout, store, clips, 0), prompts=prompts or real
        ),
        clips=clips,
        config=config,
        logprob_gap_alarm=rollout.logprob_gap_alarm,
    )


def _train_engine(policy: Policy, config: TrainConfig) -> Any:
    from tasks.train.engine import (
        TrainEngine,
    )  # here, because a machine that only measures a step has no DeepSpeed

    return TrainEngine(
        policy.model,
        learning_rate=config.learning_rate,
        max_grad_norm=config.max_grad_norm,
        zero_stage=config.zero_stage,
    )
