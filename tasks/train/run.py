"""The GRPO run: steps, records, checkpoints, and going on after a crash as if it had not happened.

All randomness of a step is derived from (seed, step, sample), so a checkpoint needs weights, optimizer state and the
record so far; nothing else.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.training import TrainStep
from tasks.core.types import Artifact, Sample
from tasks.tracking.tracker import Tracker
from tasks.train.order import step_samples
from tasks.train.step import Grpo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GrpoRun:
    """A run of `grpo.config.num_steps` steps whose progress lies below `key` in the store."""

    grpo: Grpo
    samples: Sequence[Sample]
    store: Store
    key: str
    tracker: Tracker

    def train(self) -> Artifact:
        """Train to the end, from the last checkpoint if there is one; returns the record (rows of TrainStep)."""
        config = self.grpo.config
        record = self._restore()
        first = len(record)
        if first:
            logger.info("going on from the checkpoint after step %d", first)
        progress = tqdm(range(first, config.num_steps), desc="GRPO", unit="step", initial=first, total=config.num_steps)
        for number in progress:
            batch = step_samples(self.samples, number, config.prompts_per_step, self.grpo.collector.seed)
            row = self.grpo.step(number, batch)
            record.append(row)
            progress.set_postfix(reward=f"{row.reward_mean:.3f}", spread=f"{row.spread_share:.2f}")
            self.tracker.log_metrics(step_metrics(row), number)
            if (number + 1) % config.checkpoint_every_steps == 0 and number + 1 < config.num_steps:
                self._save(record)
        return write_rows(self.store, f"{self.key}/record.parquet", TrainStep, record)

    def _save(self, record: Sequence[TrainStep]) -> None:
        folder = self.store.scratch_folder()
        self.grpo.engine.save(folder)
        key = self._checkpoint_key(len(record))
        write_rows(self.store, f"{key}.record.parquet", TrainStep, record)
        self.store.write_folder(key, folder)
        self.store.delete(self._checkpoint_key(len(record) - self.grpo.config.checkpoint_every_steps))

    def _restore(self) -> list[TrainStep]:
        every = self.grpo.config.checkpoint_every_steps
        for number in range(self.grpo.config.num_steps // every * every, 0, -every):
            key = self._checkpoint_key(number)
            if self.store.has_folder(key):
                self.grpo.engine.load(self.store.local_folder(key))
                self.grpo.collector.engine.load_weights(self.grpo.policy.model.named_parameters())
                return read_rows(self.store, f"{key}.record.parquet", TrainStep)
        return []

    def _checkpoint_key(self, num_steps: int) -> str:
        return f"{self.key}/checkpoints/{num_steps:06d}"


def step_metrics(row: TrainStep) -> dict[str, float]:
    """One step as tracker metrics, grouped by the part before the slash."""
    return {
        "reward/mean": row.reward_mean,
        **{f"reward/{pretext}": value for pretext, value in row.reward_by_pretext.items()},
        "reward/spread_share": row.spread_share,
        "train/loss": row.loss,
        "train/kl": row.kl,
        "train/entropy": row.entropy,
        "train/grad_norm": row.grad_norm,
        "train/learning_rate": row.learning_rate,
        "rollout/logprob_gap_max": row.logprob_gap_max,
        "rollout/answer_tokens_mean": row.answer_tokens_mean,
        "rollout/unparsed_share": row.unparsed_share,
        "rollout/truncated_share": row.truncated_share,
        "rollout/samples_failed": float(row.samples_failed),
        "time/step_rollout_seconds": row.seconds_rollout,
        "time/step_update_seconds": row.seconds_update,
    }
