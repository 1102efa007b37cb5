"""Everything that the run has measured, read back from the store for the decision, the summary and
the report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.core.anchor import NO_ANCHOR, Anchor
from tasks.core.config import RetrainConfig
from tasks.core.manifest import read_rows
from tasks.core.measurement import CellEvidence, Measurement, PlannedCell, Selection
from tasks.core.score_config import SCORED_SPLITS
from tasks.core.scores import AFTER, BEFORE, BenchmarkScore, ModelScores, SampleScore, UnitScore
from tasks.core.speed import BENCHMARK_STAGE, Speed, measured_speed, speed_name
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import Artifact, Clip, Rejection, Sample, StageReport
from tasks.promote.decide import Gains, Guard, measure_gains, measure_part_gains


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the other stages hand to promote."""

    clips: Artifact
    rejected: Artifact
    samples: Artifact
    selections: Sequence[Selection]
    """Of every round."""
    trainings: Sequence[TrainedPolicy]
    scores: Sequence[ModelScores]
    reports: Sequence[StageReport]
    base: Mapping[str, BenchmarkScore] = field(default_factory=dict)
    """Of `model.base`, on the anchor."""
    anchor: Anchor = NO_ANCHOR


@dataclass(frozen=True, kw_only=True)
class Round:
    """Calibration and training of one round, read back."""

    num_selected: int
    cells: list[CellEvidence]
    measurements: list[Measurement]
    plan: list[PlannedCell]
    steps: list[TrainStep]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the other stages handed over, read back, and the gains."""

    clips: list[Clip]
    rejections: list[Rejection]
    samples: list[Sample]
    rounds: list[Round]
    scores: dict[str, ModelScores]
    """By name: at least `BEFORE` and `AFTER`."""
    predictions: dict[str, list[SampleScore]]
    gains: dict[str, Gains]
    """Of the challenger over each other scored model."""
    part_gains: dict[str, dict[str, Gains]]
    """The same by place and part."""
    reports: list[StageReport]
    guards: dict[str, Guard]
    """By benchmark."""
    base: dict[str, BenchmarkScore]
    """Of `model.base`, on the anchor."""
    anchor: Anchor
    speed: Speed | None
    """How fast benchmarks were answered; of calibration if not by the policies, or not at all."""

    @property
    def steps(self) -> list[TrainStep]:
        """Of all rounds, numbered through."""
        steps = [step for one in self.rounds for step in one.steps]
        return [replace(step, step=number) for number, step in enumerate(steps)]


def load_evidence(store: Store, inputs: Inputs, config: RetrainConfig) -> Evidence:
    """Read all rows, and measure the gains.

    Raises:
        ValueError: the start model or the challenger was not scored.
    """
    scores = {one.name: one for one in inputs.scores}
    if not {BEFORE, AFTER} <= scores.keys():
        raise ValueError(f"expected scores of {BEFORE!r} and {AFTER!r}, got {sorted(scores)}")
    predictions = {name: read_rows(store, s.predictions, SampleScore) for name, s in scores.items()}
    units = {
        name: {place: read_rows(store, b.units, UnitScore) for place, b in s.benchmarks.items()}
        for name, s in scores.items()
    }
    others = {name: rows for name, rows in predictions.items() if name != AFTER}
    return Evidence(
        clips=read_rows(store, inputs.clips, Clip),
        rejections=read_rows(store, inputs.rejected, Rejection),
        samples=read_rows(store, inputs.samples, Sample),
        rounds=[
            Round(
                num_selected=selection.samples.num_rows,
                cells=read_rows(store, selection.cells, CellEvidence),
                measurements=read_rows(store, selection.measurements, Measurement),
                plan=read_rows(store, selection.plan.cells, PlannedCell),
                steps=read_rows(store, training.record, TrainStep),
            )
            for selection, training in zip(inputs.selections, inputs.trainings, strict=True)
        ],
        scores=scores,
        predictions=predictions,
        gains={
            name: measure_gains(
                rows,
                predictions[AFTER],
                {place: (units[name][place], after) for place, after in units[AFTER].items()},
                overall_places(config),
            )
            for name, rows in others.items()
        },
        part_gains={
            name: measure_part_gains(rows, predictions[AFTER]) for name, rows in others.items()
        },
        reports=list(inputs.reports),
        guards={
            place: Guard(
                worth=_worth(rows),
                coverage={name: s.benchmarks[place].coverage for name, s in scores.items()},
                is_configured=place in config.evaluate.benchmarks,
            )
            for place, rows in units[AFTER].items()
        },
        base=dict(inputs.base),
        anchor=inputs.anchor,
        speed=_speed(inputs, config),
    )


def overall_places(config: RetrainConfig) -> tuple[str, ...]:
    """The places whose mean `overall` is."""
    return config.promote.overall or (*map(str, SCORED_SPLITS), *config.evaluate.benchmarks)


def _speed(inputs: Inputs, config: RetrainConfig) -> Speed | None:
    of = speed_name(config)
    benchmarks = [one for one in inputs.reports if one.stage.startswith(BENCHMARK_STAGE)]
    # Whoever stands in for a policy has another speed.
    asked = None if config.evaluate.answerers else measured_speed(benchmarks, of)
    return asked or measured_speed([one.report for one in inputs.selections], of)


def _worth(rows: Sequence[UnitScore]) -> float:
    """How much one unit can change the headline."""
    sizes = Counter(row.stratum for row in rows)
    return 1 / (len(sizes) * min(sizes.values()))
