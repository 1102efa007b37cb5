"""Rewards, plans, pixels, calibration, and names by which things are found again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rewards.schema import canonical_answer, read_schema, score
from tasks.calibrate.measure import measure
from tasks.calibrate.select import select
from tasks.core.config import (
    CalibrateConfig,
    ModelConfig,
    PerturbConfig,
    PromoteConfig,
    RolloutConfig,
    TrainConfig,
)
from tasks.core.digest import digest_of, digest_of_bytes, digest_of_folder
from tasks.core.edits import DrawEdit, Edit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import NO_PLAN, DifficultyPlan, Measurement, PlannedCell
from tasks.core.records import MeasuredShard
from tasks.core.seeding import derive_seed, generator, uniform_hash
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Run, Sample, Split
from tasks.perturb.donors import ring_donors
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.plan import num_donors, plan_clip
from tasks.perturb.viubench import plan_viubench
from tasks.train.draw import spare_samples, step_samples
from tasks.train.job import GrpoJob
from tasks.train.update import learning_rate_at as _learning_rate_at
from tasks.train.update import pack_groups
from tasks.video.edits import apply_edits
from tasks.video.render import ShownVideo, render_sample

__all__ = [
    "Artifact",
    "CalibrateConfig",
    "Clip",
    "DrawEdit",
    "Edit",
    "Measurement",
    "ModelConfig",
    "PerturbConfig",
    "PromoteConfig",
    "ReorderEdit",
    "ReplaceEdit",
    "RolloutConfig",
    "Sample",
    "SpanEdit",
    "Split",
    "Store",
    "TrainConfig",
    "apply_edits",
    "derive_seed",
    "digest_of",
    "digest_of_bytes",
    "digest_of_folder",
    "generator",
    "uniform_hash",
]


@dataclass(frozen=True)
class Earned:
    """What one text is worth."""

    total: float
    strict: float
    parsed: bool
    parts: Mapping[str, float]


def reward(text: str, truth: str, kind: str) -> Earned:
    schema = read_schema(kind)
    found = score(text, truth, schema)
    return Earned(found.total, found.strict, found.parsed, found.parts)


def canonical(text: str, kind: str) -> str | None:
    return canonical_answer(text, read_schema(kind))


def pretext_kinds(pretext: str) -> tuple[str, ...]:
    return {"grounding": GROUNDING_KINDS, "jigsaw": JIGSAW_KINDS}[pretext]


def plan_samples(
    clips: Sequence[Clip],
    config: PerturbConfig,
    seed: int,
    odds: Mapping[tuple[str, str, float], float] | None = None,
) -> list[Sample]:
    """The samples of all clips, by the odds of a difficulty plan if there is one."""
    donors = ring_donors(clips, clips, num_donors(config))
    return [
        s for clip in clips for s in plan_clip(clip, config, seed, donors[clip.clip_id], odds or {})
    ]


def plan_benchmark_items(clips: Sequence[Clip], items_per_type: int, seed: int) -> list[Sample]:
    return plan_viubench(clips, items_per_type, seed)


def render(store: Store, sample: Sample, clips: Sequence[Clip]) -> tuple[ShownVideo, ...]:
    return render_sample(store, sample, {clip.clip_id: clip for clip in clips})


@dataclass(frozen=True)
class Selected:
    """What a round's calibration leaves."""

    sample_ids: list[str]
    cells: list[PlannedCell]
    counts: Mapping[str, float]
    plan_handle: DifficultyPlan


def tell_group(sample_id: str, rewards: Sequence[float]) -> Measurement:
    return measure(sample_id, rewards, CalibrateConfig().min_spread)


def select_samples(
    store: Store,
    pool: Sequence[Sample],
    measurements: Sequence[Measurement],
    config: CalibrateConfig,
    seed: int,
    start: DifficultyPlan | None,
) -> Selected:
    shard = MeasuredShard(
        samples=write_rows(store, "pool.parquet", Sample, pool),
        measurements=write_rows(store, "measurements.parquet", Measurement, measurements),
        num_failed=0,
        seconds=0.0,
    )
    found = select(store, [shard], start or NO_PLAN, config, seed)
    return Selected(
        sample_ids=[sample.sample_id for sample in read_rows(store, found.samples.key, Sample)],
        cells=read_rows(store, found.plan.cells.key, PlannedCell),
        # Tokens are a cost, as seconds are, and no outcome.
        counts={name: n for name, n in found.report.counts.items() if name != "tokens"},
        plan_handle=found.plan,
    )


def order_of_step(
    num_samples: int, step: int, batch_size: int, seed: int, num_spares: int = 0
) -> list[int]:
    """Which of so many samples a step takes, or which stand by."""
    rows = [_numbered(number) for number in range(num_samples)]
    chosen = step_samples(rows, step, batch_size, seed)
    found = spare_samples(rows, step, chosen, num_spares, seed) if num_spares else chosen
    return [int(sample.sample_id) for sample in found]


def pack(num_tokens: Sequence[int], budget: int) -> list[list[int]]:
    return pack_groups(num_tokens, budget)


def learning_rate_at(step: int, config: TrainConfig, decay: str) -> float:
    return _learning_rate_at(step, replace(config, learning_rate_decay=decay))


def store_key_of_training(
    inputs: Sequence[Artifact],
    model: ModelConfig,
    rollout: RolloutConfig,
    config: TrainConfig,
    seed: int,
) -> str:
    start, samples, clips = inputs
    run = Run(data_root="root", run_id="run", preset="test", seed=seed)
    return GrpoJob(
        run=run,
        start=start,
        samples=samples,
        clips=clips,
        model=model,
        rollout=rollout,
        config=config,
    ).key


def _numbered(number: int) -> Sample:
    return Sample(
        sample_id=str(number),
        split=Split.TRAIN,
        pretext="",
        kind="",
        level=0.0,
        views=(),
        question="",
        answer="",
        answer_kind="interval",
        seed=0,
    )
