"""The policy that a run starts from: made or named, then warm-started if asked for."""

import time
from collections.abc import Mapping
from dataclasses import replace

from tasks.core.config import ModelConfig, WarmStartConfig
from tasks.core.manifest import read_clips, read_rows
from tasks.core.reuse import once, work_key
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample, Split, StageReport
from tasks.policy.checkpoint import TINY_BASE, outside_policy, store_policy
from tasks.policy.named import open_named
from tasks.policy.source import find_source
from tasks.tracking.tracker import Tracker
from tasks.train.outputs import WarmStarted
from tasks.train.warm_start import warm_start


def start_policy(
    store: Store,
    samples: Artifact,
    clips: Artifact,
    model: ModelConfig,
    config: WarmStartConfig,
    tracker: Tracker,
    seed: int,
) -> WarmStarted:
    """Make or open the base model and warm-start it; finished work is reused."""
    if model.base != TINY_BASE and config.num_steps == 0:
        return WarmStarted(policy=outside_policy(model.base), report=_report(0.0, config.num_steps, {}))
    decisive = replace(config, checkpoint_every_steps=WarmStartConfig().checkpoint_every_steps)
    # The tiny model is made of the samples, which are in the key.
    base = "" if model.base == TINY_BASE else find_source(model.base).digest
    key = work_key("policies", "warm_start", base, model, decisive, samples.digest, clips.digest, seed)

    def make() -> WarmStarted:
        started = time.perf_counter()
        rows = [row for row in read_rows(store, samples, Sample) if row.split == Split.TRAIN]
        policy = open_named(model.base, model, (row.question for row in rows), seed)
        counts: Mapping[str, float] = {}
        if config.num_steps:
            counts = warm_start(policy, rows, read_clips(store, clips), store, key, config, tracker, seed)
        artifact = store_policy(store, f"{key}/policy", policy)
        report = _report(time.perf_counter() - started, config.num_steps, counts)
        return WarmStarted(policy=artifact, report=report)

    made = once(store, key, WarmStarted, make)
    if made.reused:
        return replace(made.output, report=_report(0.0, config.num_steps, {"reused": 1.0}))
    store.delete(f"{key}/checkpoints")
    return made.output


def _report(seconds: float, num_steps: int, counts: Mapping[str, float]) -> StageReport:
    own = {"steps": float(num_steps), "reused": 0.0}
    return StageReport(stage="warm_start", seconds=seconds, counts=own | dict(counts))
