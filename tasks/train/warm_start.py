"""The policy that a run starts from: made or named, then taught the answer format if asked for.

The warm start is a short supervised phase on pretext samples: a policy that misses the format earns
nothing anywhere, and GRPO learns from differences alone.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from tasks.core.config import ModelConfig, WarmStartConfig
from tasks.core.manifest import read_clips, read_rows
from tasks.core.reuse import once, work_key
from tasks.core.store import Store
from tasks.core.training import NO_BASE, StartPolicy, WarmStep
from tasks.core.types import Artifact, Clip, Sample, Split, StageReport
from tasks.policy.checkpoint import TINY_BASE, Policy, outside_policy, store_policy
from tasks.policy.named import open_named
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import render_prompt
from tasks.tracking.tracker import Tracker
from tasks.train.checkpoints import Checkpoints
from tasks.train.draw import step_samples
from tasks.train.engine import TrainEngine
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs, use_shared_prefix_attention
from tasks.train.training_run import RUN_ID, TrainingRun
from tasks.video.render import render_sample

_CHECKPOINTS_KEPT = 2


def start_policy(
    store: Store,
    samples: Artifact,
    clips: Artifact,
    model: ModelConfig,
    config: WarmStartConfig,
    tracker: Tracker,
    seed: int,
) -> StartPolicy:
    """Make or open the base model and warm-start it; finished work is reused."""
    base = NO_BASE if model.base == TINY_BASE else outside_policy(model.base)
    if base != NO_BASE and config.num_steps == 0:
        return StartPolicy(policy=base, report=_report(0.0, config, {}), base=base)
    usual = WarmStartConfig().checkpoint_every_steps
    decisive = replace(config, checkpoint_every_steps=usual)  # which changes no result
    # The tiny model is made of the samples, which are in the key.
    inputs = (base.digest, model, decisive, samples.digest, clips.digest, seed)
    key = work_key("policies", "warm_start", *inputs)

    def make() -> StartPolicy:
        started = time.perf_counter()
        rows = [row for row in read_rows(store, samples, Sample) if row.split == Split.TRAIN]
        policy = open_named(model.base, model, (row.question for row in rows), seed)
        counts: Mapping[str, float] = {}
        if config.num_steps:
            by_id = read_clips(store, clips)
            counts = _warm_start(policy, rows, by_id, store, key, config, tracker, seed)
        return StartPolicy(
            policy=store_policy(store, f"{key}/policy", policy),
            report=_report(time.perf_counter() - started, config, counts),
            base=base,
        )

    made = once(store, key, StartPolicy, make)
    if made.reused:
        return replace(made.output, report=_report(0.0, config, {"reused": 1.0}), base=base)
    store.delete(f"{key}/checkpoints")
    return made.output


def _report(seconds: float, config: WarmStartConfig, counts: Mapping[str, float]) -> StageReport:
    own = {"steps": float(config.num_steps), "reused": 0.0}
    return StageReport(stage="warm_start", seconds=seconds, counts=own | dict(counts))


def _warm_start(
    policy: Policy,
    samples: Sequence[Sample],
    clips: Mapping[str, Clip],
    store: Store,
    key: str,
    config: WarmStartConfig,
    tracker: Tracker,
    seed: int,
) -> Mapping[str, float]:
    """Teach `policy`, in place, the answers of `samples` by maximum likelihood."""
    use_shared_prefix_attention(policy.model)
    engine = TrainEngine(
        policy.model, learning_rate=config.learning_rate, max_grad_norm=1.0, zero_stage=0
    )
    checkpoints = Checkpoints(
        store=store,
        key=f"{key}/checkpoints",
        row_type=WarmStep,
        engine=engine,
        num_kept=_CHECKPOINTS_KEPT,
        origin={RUN_ID: tracker.run_id},
    )
    run = TrainingRun(
        title="warm start",
        num_steps=config.num_steps,
        checkpoints=checkpoints,
        checkpoint_every_steps=config.checkpoint_every_steps,
        tracker=tracker,
    )
    policy.model.train()
    with run.resumed():
        for number in run.steps():
            batch = step_samples(samples, number, config.batch_size, seed)
            loss = _answer_loss(policy, engine, batch, clips, store)
            engine.backward(loss)
            run.end_step(WarmStep(loss=loss.item(), grad_norm=engine.step()))
    engine.close()
    policy.model.eval()
    return run.counts


def _answer_loss(
    policy: Policy,
    engine: TrainEngine,
    samples: Sequence[Sample],
    clips: Mapping[str, Clip],
    store: Store,
) -> Tensor:
    """Mean negative log-likelihood of the right answers' tokens."""
    tokenizer = policy.processor.tokenizer
    prompts = [
        encode_prompt(
            policy.processor,
            render_prompt(policy.processor, sample, render_sample(store, sample, clips)),
        )
        for sample in samples
    ]
    answers = [[[*tokenizer.encode(s.answer), tokenizer.eos_token_id]] for s in samples]
    # Each sample is a group with one answer, the right one.
    row = pack_row([batch_prompts(policy, [prompt]) for prompt in prompts], answers)
    logprobs, _ = shared_prefix_logprobs(engine.forward, row)
    return -logprobs.sum() / row.mask.sum()
