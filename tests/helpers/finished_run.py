"""What the stages before promote leave behind, made up: a store with clips, samples, measurements,
record, scores."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tasks.core.digest import digest_of_bytes
from tasks.core.manifest import write_rows
from tasks.core.measurement import CellEvidence, DifficultyPlan, Measurement, PlannedCell, Selection
from tasks.core.score_config import ANCHOR
from tasks.core.scores import (
    AFTER,
    BASE,
    BEFORE,
    BenchmarkScore,
    ModelScores,
    SampleScore,
    UnitScore,
)
from tasks.core.seeding import generator
from tasks.core.statistics import estimate
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import (
    NO_ANCHOR,
    Anchor,
    Artifact,
    Clip,
    Rejection,
    Sample,
    Split,
    StageReport,
)
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.evaluate.score_benchmark import Prediction
from tasks.evaluate.score_policy import aggregate, score_sample
from tasks.promote.evidence import Inputs
from tasks.video.frame_store import pack_frames
from tests.helpers.clips import make_clip, make_frames
from tests.helpers.rollouts import make_rollout, make_sample

NUM_FRAMES = 16
PRETEXTS = {"grounding": ("mirror", "zoom_out"), "counting": ("shapes",), "jigsaw": ("clips",)}


def make_inputs(
    store: Store,
    *,
    gain: float = 0.1,
    num_items: int = 20,
    num_steps: int = 60,
    num_videos: int = 11,
    losses: Mapping[str, int] = MappingProxyType({}),
) -> Inputs:
    """A run whose challenger scores about `gain` more than the start model, on questions about
    `num_videos` videos; `losses` are by benchmark: see `make_benchmark`."""
    clips = [
        make_clip("a", num_frames=NUM_FRAMES),
        make_clip("b", num_frames=NUM_FRAMES, split=Split.HELDOUT),
    ]
    for seed, clip in enumerate(clips):
        store.write_bytes(
            clip.frames_key, pack_frames(make_frames(NUM_FRAMES, seed=seed), jpeg_quality=92)
        )
    rejections = [
        Rejection(source="odd/<script>.mp4", reason="not a video", detail="no known container"),
        Rejection(
            source="odd/still.mp4", reason="static", detail="motion 0.0, at least 0.3 needed"
        ),
        Rejection(source="odd/notes.txt", reason="not a video", detail="no known container"),
    ]
    samples = [*_samples(clips[0].clip_id, Split.TRAIN, 4), *_heldout(clips[1].clip_id, num_items)]
    measurements = _measurements([sample for sample in samples if sample.split == Split.TRAIN])
    return Inputs(
        clips=write_rows(store, "clips.parquet", Clip, clips),
        rejected=write_rows(store, "rejected.parquet", Rejection, rejections),
        samples=write_rows(store, "samples.parquet", Sample, samples),
        selections=[_selection(store, measurements)],
        trainings=[
            TrainedPolicy(
                policy=Artifact("policies/after", "policy-after"),
                record=write_rows(store, "record.parquet", TrainStep, _steps(num_steps)),
                report=StageReport("train", 61.5),
            )
        ],
        scores=[
            replace(
                make_scores(store, name, samples, mean, num_videos),
                benchmarks={
                    place: make_benchmark(store, place, name, loss if name == AFTER else 0)
                    for place, loss in losses.items()
                },
            )
            for name, mean in ((BEFORE, 0.3), (AFTER, 0.3 + gain))
        ],
        base={ANCHOR: make_benchmark(store, ANCHOR, BASE, 20)} if ANCHOR in losses else {},
        anchor=Anchor(ANCHOR, 5) if ANCHOR in losses else NO_ANCHOR,
        reports=[StageReport("ingest", 4.25, {"accepted": 2.0}), StageReport("train", 61.5)],
    )


def make_scores(
    store: Store, name: str, samples: list[Sample], mean: float, num_videos: int
) -> ModelScores:
    """Scores around `mean`."""
    rng = generator(7, name)
    rows = []
    for number, sample in enumerate(samples):
        if sample.split == Split.TRAIN:
            continue
        reward = float(np.clip(mean + rng.normal(0, 0.1), 0, 1))
        row = score_sample(
            sample, [make_rollout(sample.sample_id, reward=reward, strict_reward=reward)]
        )
        rows.append(
            replace(
                row,
                score=reward,
                strict_score=reward / 2,
                greedy_score=reward,
                greedy_answer=sample.answer,
                video=f"video {number % num_videos}",
            )
        )
    predictions = write_rows(store, f"predictions-{name}.parquet", SampleScore, rows)
    policy = Artifact(f"policies/{name}", f"policy-{name}")
    return aggregate(rows, name=name, policy=policy, predictions=predictions)


NUM_QUESTIONS = 40
"""Of each benchmark, two on each of twenty videos."""


def make_benchmark(store: Store, name: str, model: str, loss: int) -> BenchmarkScore:
    """What `model` scored on a benchmark: all right, but for the first `loss` of 36 questions, and
    for the last four, which nobody answers."""
    rows = [
        UnitScore(
            unit=f"q{number}",
            score=float(loss <= number < NUM_QUESTIONS - 4),
            video=f"video {number % (NUM_QUESTIONS // 2)}",
        )
        for number in range(NUM_QUESTIONS)
    ]
    headline = estimate(row.scored() for row in rows)
    part = {"score": headline.mean, "se": headline.se, "num_items": NUM_QUESTIONS}
    result = json.dumps({"result": {"breakdown": {"kind": {"what": part}}}}).encode()
    key = f"evaluated/{model}/{name}"
    store.write_bytes(f"{key}/result.json", result)
    predictions = write_rows(store, f"{key}/predictions.parquet", Prediction, [])
    return BenchmarkScore(
        benchmark=name,
        adapter="universal",
        questions=f"questions of {name}",
        headline=headline,
        chance=0.25,
        num_available=100,
        coverage=1.0,
        paper={"VideoSSR-8B": 0.875},
        units=write_rows(store, f"{key}/units.parquet", UnitScore, rows),
        predictions=replace(predictions, num_rows=NUM_QUESTIONS),
        result=Artifact(f"{key}/result.json", digest_of_bytes(result)),
    )


def _samples(clip_id: str, split: Split, number: int) -> list[Sample]:
    return [
        make_sample(
            f"{split}-{pretext}-{kind}-{i}",
            pretext=pretext,
            kind=kind,
            split=split,
            clip_id=clip_id,
        )
        for pretext, kinds in PRETEXTS.items()
        for kind in kinds
        for i in range(number)
    ]


def _heldout(clip_id: str, num_items: int) -> list[Sample]:
    viubench = [
        make_sample(
            f"{name}-{i}",
            pretext=t.pretext,
            kind=t.kind,
            level=t.level,
            split=Split.VIUBENCH,
            clip_id=clip_id,
        )
        for name, t in VIUBENCH_TYPES.items()
        for i in range(num_items)
    ]
    return [*_samples(clip_id, Split.HELDOUT, num_items), *viubench]


def _measurements(samples: list[Sample]) -> list[Measurement]:
    made = []
    for number, sample in enumerate(samples):
        kept = number % 4 != 0
        made.append(
            Measurement(
                sample_id=sample.sample_id,
                mean_reward=number / len(samples) if kept else 0.0,
                spread=0.2 if kept else 0.0,
                num_rollouts=8,
                kept=kept,
                reason="spread" if kept else "all wrong",
            )
        )
    return made


def _selection(store: Store, measurements: list[Measurement]) -> Selection:
    plan = [
        PlannedCell(
            pretext=cell.pretext,
            kind=cell.kind,
            level=cell.level,
            probability=1 / len(_cells()),
            mean_reward=cell.mean_reward,
            spread=cell.spread,
            spread_se=0.02,
            share_with_spread=cell.share_with_spread,
        )
        for cell in _cells()
    ]
    return Selection(
        samples=Artifact(
            "selected.parquet", "selected", num_rows=sum(m.kept for m in measurements)
        ),
        cells=write_rows(store, "cells.parquet", CellEvidence, _cells()),
        measurements=write_rows(store, "measurements.parquet", Measurement, measurements),
        plan=DifficultyPlan(
            1,
            write_rows(store, "plan.parquet", PlannedCell, plan),
            Artifact("evidence", "evidence"),
        ),
        report=StageReport("calibrate", 3.0),
    )


def _cells() -> list[CellEvidence]:
    return [
        CellEvidence(
            round=1,
            pretext=pretext,
            kind=kind,
            level=level,
            num_groups=4,
            num_rollouts=32,
            mean_reward=0.8 - 0.6 * level,
            mean_reward_squared=(0.8 - 0.6 * level) ** 2,
            spread=0.1 + 0.3 * level,
            spread_squared=(0.1 + 0.3 * level) ** 2,
            share_with_spread=0.75,
        )
        for pretext, kinds in PRETEXTS.items()
        for kind in kinds
        for level in (0.0, 0.25, 0.5, 0.75, 1.0)
        if (kind, level) != ("clips", 1.0)
    ]


def _steps(number: int) -> list[TrainStep]:
    rng = np.random.default_rng(3)
    return [
        TrainStep(
            step=step,
            reward_mean=0.3 + 0.2 * step / number + rng.normal(0, 0.05),
            reward_by_pretext={"grounding": 0.4 + 0.2 * step / number}
            | ({"jigsaw": 0.2} if step % 3 else {}),
            spread_share=0.9 - 0.2 * step / number,
            kl=0.001 * step,
            grad_norm=0.5 + abs(rng.normal(0, 0.2)),
            metrics={
                "cost/tokens_prompt": 3000.0,
                "cost/tokens_vision": 2000.0,
                "cost/tokens_answer": 400.0,
                "cost/flops_update": 1e12,
                "cost/peak_mib": 900.0,
            },
        )
        for step in range(number)
    ]
