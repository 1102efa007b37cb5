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
from tasks.rollout.collect import Collector
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
    rows = read_rows(store, samples.key, Sample)
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
        scores += _score_split(sampling, part, rollout.prompts_per_batch, split)
    collector.engine.close()
    return scores


def _score_split(collector: Collector, samples: Sequence[Sample], batch_size: int, split: Split) -> list[SampleScore]:
    found: dict[str, SampleScore] = {}
    by_id = {sample.sample_id: sample for sample in samples}
    with tqdm(total=len(samples), desc=f"evaluate {split}", unit="sample") as progress:
        for collected in collector.collect_batches(samples, batch_size, "evaluate", split):
            found.update({g.sample.sample_id: score_sample(g.sample, g.rollouts) for g in collected.groups})
            found.update({name: score_failure(by_id[name], reason) for name, reason in collected.failures})
            progress.update(len(collected.groups) + len(collected.failures))
    return [found[sample.sample_id] for sample in samples]
