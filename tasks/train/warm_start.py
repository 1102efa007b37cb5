"""Warm start: a short supervised phase on pretext samples, for a policy that misses the answer format."""

import logging
from collections.abc import Mapping, Sequence

from torch import Tensor
from tqdm import tqdm

from tasks.core.config import WarmStartConfig
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import render_prompt
from tasks.tracking.tracker import Tracker
from tasks.train.engine import TrainEngine
from tasks.train.order import step_samples
from tasks.train.shared_prefix import batch_responses, shared_prefix_logprobs
from tasks.video.render import render_sample

logger = logging.getLogger(__name__)


def warm_start(
    policy: Policy,
    samples: Sequence[Sample],
    clips: Mapping[str, Clip],
    store: Store,
    config: WarmStartConfig,
    tracker: Tracker,
    seed: int,
) -> None:
    """Teach `policy`, in place, to answer `samples` by maximum likelihood."""
    engine = TrainEngine(policy.model, learning_rate=config.learning_rate, max_grad_norm=1.0, zero_stage=0)
    policy.model.train()
    progress = tqdm(range(config.num_steps), desc="warm start", unit="step")
    for step in progress:
        batch = step_samples(samples, step, config.batch_size, seed)
        loss = _answer_loss(policy, engine, batch, clips, store)
        engine.backward(loss)
        engine.step()
        progress.set_postfix(loss=f"{loss.item():.3f}")
        tracker.log_metrics({"warm_start/loss": loss.item()}, step)
    engine.close()
    policy.model.eval()


def _answer_loss(
    policy: Policy, engine: TrainEngine, samples: Sequence[Sample], clips: Mapping[str, Clip], store: Store
) -> Tensor:
    """Mean negative log-likelihood of the right answers' tokens."""
    prompts = [render_prompt(policy.processor, sample, render_sample(store, sample, clips)) for sample in samples]
    batch = batch_prompts(policy, [encode_prompt(policy.processor, prompt) for prompt in prompts])
    tokenizer = policy.processor.tokenizer
    answers = [[[*tokenizer.encode(sample.answer), tokenizer.eos_token_id]] for sample in samples]
    responses = batch_responses(answers, policy.device)
    logprobs, _ = shared_prefix_logprobs(engine.forward, batch, responses)
    return -(logprobs * responses.mask).sum() / responses.mask.sum()
