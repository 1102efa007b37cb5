"""The asking of each job in a process of its own, which a test may kill: `python -m
tests.helpers.asking JOB ROOT`.

What a job asks about lies in ROOT already (`prepare`). What it leaves there depends on nothing but
that.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tasks.benchmarks.questions import list_suite
from tasks.benchmarks.records import BenchmarkFolder, Questions
from tasks.calibrate.shard import measure_pool
from tasks.core.config import (
    CalibrateConfig,
    EvaluateConfig,
    ModelConfig,
    PerturbConfig,
    RetrainConfig,
    RolloutConfig,
)
from tasks.core.controls import SWAPPED
from tasks.core.digest import digest_of_bytes
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.measurement import NO_PLAN
from tasks.core.records import BlindTrial, Candidate, DataSet, MeasuredShard, Pool
from tasks.core.reuse import keep_output
from tasks.core.score_config import SCORED_SPLITS
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.training import NO_BASE
from tasks.core.types import Artifact, Clip, Rejection, Run, Sample, Split, StageReport
from tasks.diagnose.diagnose import diagnose
from tasks.diagnose.judge import RewardKind
from tasks.evaluate.benchmark_scores import score_answers
from tasks.evaluate.benchmarks import (
    answer_questions,
    named_candidate,
    pair_up,
    with_answerers,
)
from tasks.evaluate.blind import ask_blind, benchmark_place, own_place
from tasks.evaluate.score_policy import score_policy
from tasks.exchange.row import Origin
from tasks.perturb.viubench import plan_viubench
from tasks.policy.checkpoint import store_policy, stored_policy
from tasks.rollout.open_answerer import open_answerer, open_policy_answerer
from tasks.rollout.videos import ClipVideos
from tasks.tracking.memory_tracker import MemoryTracker
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.files import write_json
from tests.helpers.policy import fresh_policy
from tests.helpers.questions import SMALL, make_benchmark
from tests.helpers.samples import plan_all

BATCH = 2
ADDRESS = "ASKED_SERVER"
"""Environment variable: the model behind a server, for the jobs that ask one."""
_MODEL = ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32")
_ROLLOUT = RolloutConfig(rollouts_per_prompt=2, max_answer_tokens=4, prompts_per_batch=BATCH)
_EVALUATE = EvaluateConfig(heldout_rollouts_per_sample=2, questions_per_batch=BATCH)
_CALIBRATE = CalibrateConfig(max_rollouts=64, rollouts_per_sample=2)
_POLICY, _TRAINED = "policies/start", "policies/trained"


def prepare(root: Path) -> None:
    """Clips, samples, a data set and a policy in `root`; a benchmark beside it, which the roots
    there share."""
    store = Store(str(root))
    clips = [
        store_clip(store, make_clip(name, num_frames=16, split=Split.HELDOUT), seed=3)
        for name in "ab"
    ]
    config = PerturbConfig(
        levels=(0.0, 0.5), train_samples_per_clip=(1, 1, 1), heldout_samples_per_clip=(6, 4, 6)
    )
    samples = [*plan_all(clips, config), *plan_viubench(clips, 1, 0)[:4]]
    write_rows(store, "given/clips.parquet", Clip, clips)
    write_rows(store, "given/samples.parquet", Sample, samples)
    origins = [
        Origin(sample_id=sample.sample_id, row=number) for number, sample in enumerate(samples)
    ]
    write_rows(store, "given/origins.parquet", Origin, origins)
    write_rows(store, "given/rejected.parquet", Rejection, [])
    write_json(root.parent / "rows.json", [{"row": number} for number in range(len(samples))])
    store_policy(store, _POLICY, fresh_policy())
    store_policy(store, _TRAINED, fresh_policy(seed=1))
    if not (root.parent / "benchmark").exists():
        make_benchmark(root.parent / "benchmark", num_videos=8)


def _evaluate(store: Store) -> None:
    with open_policy_answerer(
        store, stored_policy(store, _POLICY), _MODEL, _ROLLOUT, 0
    ) as answerer:
        rows = score_policy(store, answerer, _samples(store), _videos(store), _ROLLOUT, _EVALUATE)
    write_rows(store, "results/predictions.parquet", SampleScore, rows)


def _calibrate(store: Store) -> None:
    samples = _given(store, "samples", len(_samples(store)))
    with open_policy_answerer(
        store, stored_policy(store, _POLICY), _MODEL, _ROLLOUT, 0
    ) as answerer:
        pool, videos = Pool(samples, _CALIBRATE.max_groups), _videos(store)
        found = measure_pool(
            store, "results", pool, NO_PLAN, answerer, videos, _ROLLOUT, _CALIBRATE, 0
        )
    keep_output(
        store,
        "results",
        MeasuredShard(found.samples, found.measurements, found.num_failed, seconds=0.0),
    )


def _diagnose(store: Store) -> None:
    config = RetrainConfig(model=_MODEL, rollout=_ROLLOUT, evaluate=_EVALUATE)
    samples = _samples(store)
    counts = {"rows": float(len(samples)), "rejected": 0.0, "beyond_limit": 0.0}
    tables = {
        name: _given(store, name, len(samples))
        for name in ("samples", "clips", "rejected", "origins")
    }
    data = DataSet(**tables, reports=[StageReport(stage="import", seconds=0.0, counts=counts)])
    file = _beside(store) / "rows.json"
    with open_answerer("tiny", _MODEL, _ROLLOUT, samples, 0) as answerer:
        diagnose(
            store,
            file,
            data,
            answerer,
            config,
            RewardKind.SMOOTH,
            store.path("results"),
            MemoryTracker(),
        )


def _benchmark(store: Store, name: str = "tiny") -> None:
    questions = _questions(store)
    for asked in pair_up([named_candidate(store, _run(store), name)], questions):
        answer_questions(store, asked, questions, _MODEL, _ROLLOUT, _EVALUATE)


def _candidates(store: Store, answerers: dict[str, str]) -> None:
    """Two policies of the main job, or those that answer in their place."""
    config, questions = replace(_EVALUATE, answerers=answerers), _questions(store)
    candidates = [
        Candidate(name=BEFORE, policy=stored_policy(store, _POLICY)),
        Candidate(name=AFTER, policy=stored_policy(store, _TRAINED)),
    ]
    known = with_answerers(store, _run(store), candidates, NO_BASE, config)
    answered = [
        answer_questions(store, asked, questions, _MODEL, _ROLLOUT, config)
        for asked in pair_up(known, questions)
    ]
    for candidate in candidates:
        for benchmark in questions.benchmarks:
            own = [shard for shard in answered if shard.candidate == candidate.name]
            score_answers(store, candidate.name, benchmark, own, min_coverage=1.0)


def _blind(store: Store) -> None:
    """A policy on its own samples and on a benchmark, without pictures."""
    policy = stored_policy(store, _POLICY)
    samples, questions = _samples(store), _questions(store)
    places = [
        *(
            own_place(split, samples, _videos(store), _ROLLOUT, _EVALUATE, 0)
            for split in SCORED_SPLITS
        ),
        benchmark_place(store, questions.benchmarks[0]),
    ]
    with open_policy_answerer(store, policy, _MODEL, _ROLLOUT, 0) as answerer:
        for place in places:
            trial = BlindTrial(Candidate(AFTER, policy), place.name, SWAPPED)
            ask_blind(store, trial, place, answerer, _EVALUATE)


def _questions(store: Store) -> Questions:
    """In several shards."""
    place = str(_beside(store) / "benchmark")
    folder = BenchmarkFolder("universal", place, SMALL, adapter="universal")
    return Questions(list_suite(store, [folder], questions_per_shard=12))


def _run(store: Store) -> Run:
    root = Path(store.path("given")).parent
    return Run(data_root=str(root), run_id="run", preset="smoke")


def _samples(store: Store) -> list[Sample]:
    return read_rows(store, "given/samples.parquet", Sample)


def _videos(store: Store) -> ClipVideos:
    return ClipVideos(store, read_clips(store, _given(store, "clips", 2)))


def _beside(store: Store) -> Path:
    """Where two roots find the same files."""
    return Path(store.path("given")).parents[1]


def _given(store: Store, name: str, num_rows: int) -> Artifact:
    key = f"given/{name}.parquet"
    return Artifact(key, digest_of_bytes(store.read_bytes(key)), num_rows)


JOBS: dict[str, Callable[[Store], None]] = {
    "evaluate": _evaluate,
    "calibrate": _calibrate,
    "diagnose": _diagnose,
    "benchmark": _benchmark,
    "server": lambda store: _benchmark(store, os.environ[ADDRESS]),
    "blind": _blind,
    "candidates": lambda store: _candidates(store, {}),
    "candidates_server": lambda store: _candidates(store, {BEFORE: os.environ[ADDRESS]}),
}

if __name__ == "__main__":
    root = Store(sys.argv[2])
    root.clean_scratch()  # as `open_job` does
    JOBS[sys.argv[1]](root)
