"""GRPO from one policy to the next: puts policy, reference, engine and data together, and keeps the result."""

import time
from dataclasses import replace

from tasks.core.config import ModelConfig, RolloutConfig, TrainConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import read_clips, read_rows
from tasks.core.reuse import find_output, keep_output
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample, StageReport
from tasks.policy.checkpoint import Policy, open_policy, store_policy
from tasks.rollout.setup import make_collector
from tasks.tracking.tracker import Tracker
from tasks.train.engine import TrainEngine
from tasks.train.outputs import Trained
from tasks.train.run import GrpoRun
from tasks.train.step import Grpo


def train_grpo(
    store: Store,
    start: Artifact,
    samples: Artifact,
    clips: Artifact,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: TrainConfig,
    tracker: Tracker,
    seed: int,
) -> Trained:
    """Train `start` on `samples`; a finished run with the same inputs is reused, an unfinished one goes on."""
    key = f"trained/{digest_of('grpo', start.digest, samples.digest, clips.digest, model, rollout, config, seed)}"
    found = find_output(store, key, Trained)
    if found is not None:
        return replace(found, report=_report(0.0, config, samples, reused=True))
    started = time.perf_counter()
    policy = _trainable(open_policy(store, start, model.dtype), config)
    engine = TrainEngine(
        policy.model,
        learning_rate=config.learning_rate,
        max_grad_norm=config.max_grad_norm,
        zero_stage=config.zero_stage,
    )
    grpo = Grpo(
        policy=policy,
        reference=open_policy(store, start, model.dtype) if config.kl_coefficient > 0 else None,
        engine=engine,
        collector=make_collector(policy, rollout, store, read_clips(store, clips), seed),
        config=config,
    )
    run = GrpoRun(grpo=grpo, samples=read_rows(store, samples.key, Sample), store=store, key=key, tracker=tracker)
    record = run.train()
    grpo.collector.engine.close()
    engine.close()
    trained = Trained(
        policy=store_policy(store, f"{key}/policy", policy),
        record=record,
        report=_report(time.perf_counter() - started, config, samples),
    )
    keep_output(store, key, trained)
    store.delete(f"{key}/checkpoints")
    return trained


def _trainable(policy: Policy, config: TrainConfig) -> Policy:
    policy.model.model.visual.requires_grad_(not config.freeze_vision)
    if config.gradient_checkpointing:
        policy.model.gradient_checkpointing_enable()
    return policy


def _report(seconds: float, config: TrainConfig, samples: Artifact, *, reused: bool = False) -> StageReport:
    prompts = config.num_steps * config.prompts_per_step
    return StageReport(
        stage="train",
        seconds=seconds,
        counts={
            "steps": config.num_steps,
            "prompts": prompts,
            "epochs": prompts / samples.num_rows,
            "reused": float(reused),
        },
    )
