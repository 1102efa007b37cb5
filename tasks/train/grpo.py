"""GRPO from one policy to the next: puts policy, reference, engine and data together, and keeps the result."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from torch import Tensor, nn
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextAttention

from tasks.core.config import ModelConfig, RolloutConfig, TrainConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.reuse import find_output, keep_output
from tasks.core.store import Store
from tasks.core.training import Trained, TrainStep
from tasks.core.types import Artifact, Sample, StageReport
from tasks.policy.checkpoint import Policy, open_policy, store_policy
from tasks.rollout.setup import make_collector
from tasks.tracking.tracker import Tracker
from tasks.train.attention import use_shared_prefix_attention
from tasks.train.checkpoints import Checkpoints
from tasks.train.engine import TrainEngine
from tasks.train.lora import add_adapters, merged, save_adapters
from tasks.train.order import spare_samples, step_samples
from tasks.train.reference import Reference, base_of, frozen_copy
from tasks.train.run import RUN_ID, TrainingRun
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
    first_step: int = 0,
) -> Trained:
    """Train `start` on `samples`; a finished run with the same inputs is reused, an unfinished one goes on.

    `first_step` is where the tracker's curves begin.
    """
    key = _key(start, samples, clips, model, rollout, config, seed)
    found = find_output(store, key, Trained)
    if found is not None:
        return replace(found, report=_report(0.0, config, samples, {"reused": 1.0}))
    started = time.perf_counter()
    policy = open_policy(store, start, model.dtype)
    _make_trainable(policy.model, config, seed)
    engine = TrainEngine(
        policy.model,
        learning_rate=config.learning_rate,
        max_grad_norm=config.max_grad_norm,
        zero_stage=config.zero_stage,
        offload_optimizer=config.offload_optimizer,
    )
    collector = make_collector(
        _answering(store, start, policy, model, config), rollout, store, read_clips(store, clips), seed
    )

    def weights() -> Iterator[tuple[str, Tensor]]:
        named = engine.named_weights()
        return merged(named, config) if config.lora_rank else named

    grpo = Grpo(
        policy=policy,
        reference=_reference(store, start, policy, model, config),
        engine=engine,
        weights=weights,
        collector=replace(collector, is_strict=config.reward == "strict"),
        config=config,
        logprob_gap_alarm=rollout.logprob_gap_alarm,
    )
    rows = read_rows(store, samples.key, Sample)

    def step(number: int) -> TrainStep:
        chosen = step_samples(rows, number, config.prompts_per_step, seed)
        num_spares = config.refill_rounds * config.prompts_per_step if config.flat_groups == "resample" else 0
        return grpo.step(number, chosen, spare_samples(rows, number, chosen, num_spares, seed))

    finished = TrainingRun(
        title="GRPO",
        num_steps=config.num_steps,
        step=step,
        restored=lambda: collector.engine.load_weights(weights()),
        checkpoints=Checkpoints(
            store=store,
            key=f"{key}/checkpoints",
            row_type=TrainStep,
            engine=engine,
            num_kept=config.checkpoints_kept,
            origin={RUN_ID: tracker.run_id, "start": start.key, "samples": samples.key, "clips": clips.key},
        ),
        checkpoint_every_steps=config.checkpoint_every_steps,
        max_skipped_in_a_row=config.max_skipped_in_a_row,
        tracker=tracker,
        first_step=first_step,
    ).train()
    collector.engine.close()
    if config.lora_rank:
        _keep_adapters(store, key, engine, config)
    finals = {name: tensor.cpu() for name, tensor in weights() if engine.ranks.is_first}
    trained = None
    if engine.ranks.is_first:
        trained = Trained(
            policy=store_policy(store, f"{key}/policy", policy, finals),
            record=write_rows(store, f"{key}/record.parquet", TrainStep, finished.record),
            report=_report(time.perf_counter() - started, config, samples, finished.counts),
        )
        keep_output(store, key, trained)
        store.delete(f"{key}/checkpoints")
    [trained, *_] = engine.ranks.gather(trained)
    engine.close()
    assert trained is not None
    return trained


def _key(
    start: Artifact,
    samples: Artifact,
    clips: Artifact,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: TrainConfig,
    seed: int,
) -> str:
    """Where the run lies: what changes how it goes, but not what it computes, may change before it goes on."""
    default = TrainConfig()
    decisive = replace(
        config,
        zero_stage=default.zero_stage,
        offload_optimizer=default.offload_optimizer,
        processes=default.processes,
        checkpoint_every_steps=default.checkpoint_every_steps,
        checkpoints_kept=default.checkpoints_kept,
        max_skipped_in_a_row=default.max_skipped_in_a_row,
    )
    usual = RolloutConfig()
    sampling = replace(
        rollout,
        vllm=usual.vllm,
        prompts_per_batch=usual.prompts_per_batch,
        logprob_gap_alarm=usual.logprob_gap_alarm,
    )
    digest = digest_of("grpo", start.digest, samples.digest, clips.digest, model, sampling, decisive, seed)
    return f"trained/{digest}"


def _make_trainable(model: Qwen3VLForConditionalGeneration, config: TrainConfig, seed: int) -> None:
    use_shared_prefix_attention(model)
    switch_dropout_off(model)
    model.model.visual.requires_grad_(not config.freeze_vision)
    if config.lora_rank:
        add_adapters(model, config, seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable()


def _answering(store: Store, start: Artifact, policy: Policy, model: ModelConfig, config: TrainConfig) -> Policy:
    """What generates: the trained model itself where it is whole and has the shape of an ordinary one, else another."""
    return policy if config.zero_stage < 3 and not config.lora_rank else open_policy(store, start, model.dtype)


def _reference(
    store: Store, start: Artifact, policy: Policy, model: ModelConfig, config: TrainConfig
) -> Reference | None:
    if config.kl_coefficient == 0:
        return None
    return base_of(policy) if config.lora_rank else frozen_copy(open_policy(store, start, model.dtype))


def _keep_adapters(store: Store, key: str, engine: TrainEngine, config: TrainConfig) -> None:
    named = {name: tensor.cpu() for name, tensor in engine.named_weights() if engine.ranks.is_first}
    if engine.ranks.is_first:
        folder = store.scratch_folder()
        save_adapters(named.items(), config, folder)
        store.write_folder(f"{key}/adapters", folder)


def switch_dropout_off(model: nn.Module) -> None:
    """Training mode is needed for gradient checkpointing, but the policy must stay the one that gave the answers."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, Qwen3VLTextAttention):
            module.attention_dropout = 0.0


def _report(seconds: float, config: TrainConfig, samples: Artifact, counts: Mapping[str, float]) -> StageReport:
    prompts = config.num_steps * config.prompts_per_step
    own = {"steps": config.num_steps, "prompts": prompts, "epochs": prompts / samples.num_rows, "reused": 0.0}
    return StageReport(stage="train", seconds=seconds, counts=own | dict(counts))
