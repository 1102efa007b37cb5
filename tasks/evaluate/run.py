"""One policy over all held-out samples: sampled answers where the mean reward counts, greedy ones for VIUBench."""

from collections.abc import Sequence

from tqdm import tqdm

from tasks.core.config import EvaluateConfig, RolloutConfig
from tasks.core.manifest import read_clips, read_rows
from tasks.core.scores import SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample, Split
from tasks.evaluate.scoring import score_failure, score_sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.answerer import Answerer, ModelAnswerer
from tasks.rollout.setup import make_collector


def score_policy(
    store: Store,
    policy: Policy,
    samples: Artifact,
    clips: Artifact,
    rollout: RolloutConfig,
    config: EvaluateConfig,
    seed: int,
) -> list[SampleScore]:
    """One row for each held-out sample and each VIUBench item, in the manifest's order.

    Every policy gets the same prompts and the same seeds, so differences can be taken sample by sample.
    """
    rows = read_rows(store, samples, Sample)
    collector = make_collector(policy, rollout, store, read_clips(store, clips), seed)
    collectors = {
        Split.HELDOUT: collector.sampling(
            num_completions=config.heldout_rollouts_per_sample, temperature=rollout.temperature
        ),
        Split.VIUBENCH: collector.sampling(num_completions=1, temperature=0.0),
    }
    scores: list[SampleScore] = []
    for split, sampling in collectors.items():
        part = [row for row in rows if row.split == split]
        scores += score_samples(ModelAnswerer(sampling, ("evaluate", split)), part, rollout.prompts_per_batch, split)
    collector.close()
    return scores


def score_samples(answerer: Answerer, samples: Sequence[Sample], batch_size: int, label: str) -> list[SampleScore]:
    """One row for each sample, in their order, with a progress bar."""
    found: dict[str, SampleScore] = {}
    with tqdm(total=len(samples), desc=f"evaluate {label}", unit="sample") as progress:
        for start in range(0, len(samples), batch_size):
            batch = samples[start : start + batch_size]
            answered = answerer.answer(batch)
            for sample in batch:
                if sample.sample_id in answered.failures:
                    found[sample.sample_id] = score_failure(sample, answered.failures[sample.sample_id])
                else:
                    found[sample.sample_id] = score_sample(sample, answered.rollouts[sample.sample_id])
            progress.update(len(batch))
    return [found[sample.sample_id] for sample in samples]
