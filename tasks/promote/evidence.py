"""Everything that the run has measured, read back from the store for the decision, the summary and
the report."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.core.config import PromoteConfig, RetrainConfig
from tasks.core.controls import NO_CONTROLS, Controls
from tasks.core.manifest import read_rows
from tasks.core.measurement import CellEvidence, Measurement, PlannedCell, Selection
from tasks.core.redact import redact
from tasks.core.score_config import ANCHOR, SCORED_SPLITS
from tasks.core.scores import (
    AFTER,
    BASE,
    BEFORE,
    BenchmarkScore,
    ModelScores,
    SampleScore,
    UnitScore,
)
from tasks.core.speed import BENCHMARK_STAGE, Speed, measured_speed, speed_name
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import NO_ANCHOR, Anchor, Artifact, Clip, Rejection, Sample, StageReport
from tasks.promote.controls import PlaceControl, measure_controls, read_controls
from tasks.promote.decide import UnitPairs, measure_gains, measure_part_gains
from tasks.promote.rules import Gains, Guard

Breakdown = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""By tag and its value, as `result.json` has it: score, se, num_items."""


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
    controls: Controls = NO_CONTROLS


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
    overall: tuple[str, ...]
    """The places whose mean `overall` is."""
    breakdowns: dict[str, dict[str, Breakdown]]
    """Of the benchmarks, by name and model."""
    answerers: dict[str, str]
    """Who answered benchmarks in the place of a model, by model."""
    controls: dict[str, PlaceControl]
    """By place; empty if nothing was controlled."""
    must_see: bool
    """Whether the decision demands it."""

    @property
    def benchmarks(self) -> list[str]:
        """Names of all that were asked, the anchor among them."""
        return list(self.scores[AFTER].benchmarks)

    def on_benchmark(self, name: str) -> dict[str, BenchmarkScore]:
        """Every model's score, that of `model.base` on the anchor too."""
        found = {model: scores.benchmarks[name] for model, scores in self.scores.items()}
        return found | ({BASE: self.base[name]} if name in self.base else {})

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
    pairs = {
        name: {
            **{place: (units[name][place], own) for place, own in units[AFTER].items()},
            **_unasked(config.promote, units[AFTER]),
        }
        for name in others
    }
    without_looking = read_controls(store, inputs.controls, config.evaluate.blind)
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
            name: measure_gains(rows, predictions[AFTER], pairs[name], overall_places(config))
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
        overall=overall_places(config),
        breakdowns={
            place: {name: _breakdown(store, s.benchmarks[place]) for name, s in scores.items()}
            for place in units[AFTER]
        },
        answerers={
            name: redact(answerer)
            for name, answerer in config.evaluate.answerers.items()
            if (name in scores and units[name]) or (name == BASE and inputs.base)
        },
        controls=measure_controls(
            predictions[BEFORE],
            predictions[AFTER],
            pairs[BEFORE],
            overall_places(config),
            without_looking,
        )
        if without_looking
        else {},
        must_see=config.promote.must_see,
    )


def overall_places(config: RetrainConfig) -> tuple[str, ...]:
    """The places whose mean `overall` is."""
    return config.promote.overall or (*map(str, SCORED_SPLITS), *config.evaluate.benchmarks)


def _unasked(rules: PromoteConfig, asked: Collection[str]) -> UnitPairs:
    """An anchor that rules name before any run has made one: what rests on nothing is no gain."""
    named = {*rules.must_win, *rules.may_lose, *rules.overall}
    return {ANCHOR: ((), ())} if ANCHOR in named.difference(asked) else {}


def _speed(inputs: Inputs, config: RetrainConfig) -> Speed | None:
    of = speed_name(config)
    benchmarks = [one for one in inputs.reports if one.stage.startswith(BENCHMARK_STAGE)]
    # Whoever stands in for a policy has another speed.
    asked = None if config.evaluate.answerers else measured_speed(benchmarks, of)
    return asked or measured_speed([one.report for one in inputs.selections], of)


def _breakdown(store: Store, score: BenchmarkScore) -> Breakdown:
    found: Breakdown = json.loads(store.read_bytes(score.result.key))["result"]["breakdown"]
    return found


def _worth(rows: Sequence[UnitScore]) -> float:
    """How much one unit can change the headline."""
    # Strata count equally, so a unit counts most in the smallest one.
    sizes = Counter(row.stratum for row in rows)
    return 1 / (len(sizes) * min(sizes.values()))
