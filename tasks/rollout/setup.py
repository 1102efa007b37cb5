"""From the configuration to an engine and a collector over it."""

from collections.abc import Mapping

from tasks.core.config import RolloutConfig
from tasks.core.store import Store
from tasks.core.types import Clip
from tasks.policy.checkpoint import Policy
from tasks.rollout.collect import Collector
from tasks.rollout.engine import RolloutEngine, SamplingParams
from tasks.rollout.source import PromptMaker
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.vllm_engine import VllmEngine


def make_engine(policy: Policy, config: RolloutConfig) -> RolloutEngine:
    """The engine that `config.engine` names."""
    if config.engine == "vllm":
        return VllmEngine(policy, config.vllm)
    return TransformersEngine(policy, config.prompts_per_batch)


def make_collector(
    policy: Policy,
    config: RolloutConfig,
    store: Store,
    clips: Mapping[str, Clip],
    seed: int,
) -> Collector:
    """A collector that samples as `config` says."""
    return Collector(
        engine=make_engine(policy, config),
        prompts=PromptMaker(policy.processor, store, clips),
        params=SamplingParams(
            num_completions=config.rollouts_per_prompt,
            temperature=config.temperature,
            max_tokens=config.max_answer_tokens,
        ),
        seed=seed,
    )
