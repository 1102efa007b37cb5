"""Warm start: a short supervised phase on pretext samples, for a policy that misses the answer format."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from tasks.core.config import WarmStartConfig
from tasks.core.store import Store
from tasks.core.training import WarmStep
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import render_prompt
from tasks.tracking.tracker import Tracker
from tasks.train.attention import use_shared_prefix_attention
from tasks.train.checkpoints import Checkpoints
from tasks.train.engine import TrainEngine
from tasks.train.order import step_samples
from tasks.train.run import RUN_ID, TrainingRun
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs
from tasks.video.render import render_sample

_CHECKPOINTS_KEPT = 2
_MAX_SKIPPED_IN_A_ROW = 5


def warm_start(
    policy: Policy,
    samples: Sequence[Sample],
    clips: Mapping[str, Clip],
    store: Store,
    key: str,
    config: WarmStartConfig,
    tracker: Tracker,
    seed: int,
) -> Mapping[str, float]:
    """Teach `policy`, in place, to answer `samples` by maximum likelihood; returns counts for the report.

    Its progress lies below `key` of the store.
    """
    use_shared_prefix_attention(policy.model)
    engine = TrainEngine(policy.model, learning_rate=config.learning_rate, max_grad_norm=1.0, zero_stage=0)

    def step(number: int) -> WarmStep:
        policy.model.train()
        batch = step_samples(samples, number, config.batch_size, seed)
        loss = _answer_loss(policy, engine, batch, clips, store)
        engine.backward(loss)
        grad_norm = engine.step()
        return WarmStep(loss=loss.item(), grad_norm=grad_norm, skipped=not math.isfinite(grad_norm))

    finished = TrainingRun(
        title="warm start",
        num_steps=config.num_steps,
        step=step,
        restored=lambda: None,
        checkpoints=Checkpoints(
            store=store,
            key=f"{key}/checkpoints",
            row_type=WarmStep,
            engine=engine,
            num_kept=_CHECKPOINTS_KEPT,
            origin={RUN_ID: tracker.run_id},
        ),
        checkpoint_every_steps=config.checkpoint_every_steps,
        max_skipped_in_a_row=_MAX_SKIPPED_IN_A_ROW,
        tracker=tracker,
    ).train()
    engine.close()
    policy.model.eval()
    return finished.counts


def _answer_loss(
    policy: Policy, engine: TrainEngine, samples: Sequence[Sample], clips: Mapping[str, Clip], store: Store
) -> Tensor:
    """Mean negative log-likelihood of the right answers' tokens."""
    prompts = [render_prompt(policy.processor, sample, render_sample(store, sample, clips)) for sample in samples]
    batches = [batch_prompts(policy, [encode_prompt(policy.processor, prompt)]) for prompt in prompts]
    tokenizer = policy.processor.tokenizer
    answers = [[[*tokenizer.encode(sample.answer), tokenizer.eos_token_id]] for sample in samples]
    row = pack_row(batches, answers)
    logprobs, _ = shared_prefix_logprobs(engine.forward, row)
    return -logprobs.sum() / row.mask.sum()
