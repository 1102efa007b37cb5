"""A night by hand: generated clips, policies taught on samples of them, and what evaluate and
promote make of a challenger.

All that the decision rests on is real: clips, samples, policies, answers, controls, rules. Made up
is what no rule reads: the records of calibration and GRPO that the report draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tasks.benchmarks.records import Questions
from tasks.core.config import RetrainConfig
from tasks.core.controls import Controls
from tasks.core.digest import digest_of
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.records import Candidate, DataSet, Job
from tasks.core.scores import AFTER, BEFORE
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Run, Sample, Split, StageReport
from tasks.evaluate.candidates import evaluate_once
from tasks.evaluate.trials import blind_trials, hold_trial
from tasks.evaluate.unseen import score_unseen
from tasks.ingest.listing import list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.shard import ingest_videos
from tasks.perturb.viubench import plan_viubench
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.warm_start import start_policy
from tasks.video.generate import generate_clips
from tests.helpers.finished_run import make_inputs
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.promoted_run import Outcome
from tests.helpers.samples import plan_all

_NO_BENCHMARKS = Questions([])
RowT = TypeVar("RowT", Clip, Sample)


def ingest_generated(root: Path, config: RetrainConfig, num_clips: int) -> DataSet:
    """Generated clips, in the data root `root`."""
    store, folder = Store(str(root)), root.with_name("videos")
    generate_clips(folder, num_clips=num_clips, seed=0)
    shards = list_shards(str(folder), config.ingest)
    ingested = [ingest_videos(store, shard, config.ingest) for shard in shards]
    return merge_shards(store, ingested, shards, config.ingest)


@dataclass(frozen=True)
class Night:
    """Clips with samples, and how policies are taught, scored and promoted on them."""

    root: str
    data: DataSet
    config: RetrainConfig

    @classmethod
    def planned(cls, root: Path, clips: DataSet, config: RetrainConfig) -> "Night":
        """With the samples of `config`."""
        store = Store(str(root))
        rows, num_items = (
            read_rows(store, clips.clips, Clip),
            config.perturb.viubench_items_per_type,
        )
        samples = [*plan_all(rows, config.perturb), *plan_viubench(rows, num_items, config.seed)]
        stored = _stored(store, Sample, samples)
        return cls(str(root), clips.with_samples(stored, StageReport("perturb", 0.0)), config)

    @property
    def store(self) -> Store:
        return Store(self.root)

    @property
    def clips(self) -> dict[str, Clip]:
        """By id."""
        return read_clips(self.store, self.data.clips)

    @property
    def training_samples(self) -> list[Sample]:
        rows = read_rows(self.store, self.data.samples, Sample)
        return [row for row in rows if row.split is Split.TRAIN]

    def untrained(self) -> Artifact:
        """The small model as it is made, which says nothing that can be read."""
        return self.taught(self.training_samples, num_steps=0)

    def taught(
        self, samples: Sequence[Sample], *, num_steps: int, clips: Sequence[Clip] = ()
    ) -> Artifact:
        """The small model after so many supervised steps on `samples`; `clips` stand in for the
        real ones."""
        return start_policy(
            self.store,
            _stored(self.store, Sample, samples),
            _stored(self.store, Clip, clips) if clips else self.data.clips,
            self.config.model,
            replace(self.config.warm_start, num_steps=num_steps),
            MemoryTracker(),
            self.config.seed,
        ).policy

    def promote(self, challenger: Artifact, *, must_see: bool = True) -> Outcome:
        """What becomes of `challenger`, which started as the untrained model, where no model is
        champion yet."""
        rules = replace(self.config.promote, must_see=must_see)
        config = replace(self.config, promote=rules)
        job = Job(Run(self.root, digest_of(challenger, config), "smoke", config.seed), config)
        candidates = [
            Candidate(BEFORE, self.untrained()),
            Candidate(AFTER, challenger, is_controlled=True),
        ]
        evaluated = [evaluate_once(self.store, one, self.data, job) for one in candidates]
        trials = blind_trials(candidates, [], _NO_BENCHMARKS, config.evaluate, rules)
        controls = Controls(
            unseen=score_unseen(self.store, self.data, _NO_BENCHMARKS, config.seed),
            blind=[
                hold_trial(self.store, trial, _NO_BENCHMARKS, self.data, job) for trial in trials
            ],
        )
        inputs = replace(
            make_inputs(self.store),
            clips=self.data.clips,
            rejected=self.data.rejected,
            samples=self.data.samples,
            scores=[one.scores for one in evaluated],
            controls=controls,
        )
        return Outcome(self.root, inputs, MemoryRegistry(), job.run.run_id, config)


def _stored(store: Store, row_type: type[RowT], rows: Sequence[RowT]) -> Artifact:
    return write_rows(store, f"given/{digest_of(*rows)}.parquet", row_type, rows)
