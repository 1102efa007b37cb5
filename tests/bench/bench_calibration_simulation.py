"""Does the plan follow a policy that improves? Synthetic policies whose skill is known, five
rounds, 20 seeds.

A policy answers a sample of (kind, level) right with a probability that falls with the level:
steeply, slowly, with bumps, and at another place for every kind. After each round it improves, most
where it was trained. The strategies choose the samples of an epoch:

- calibrated: 5 % of the epoch's rollouts are spent on measuring, then the plan draws the epoch,
  half from a pool that was itself drawn by the last round's plan (as perturb does), so levels can
  rise;
- uniform: all levels alike;  fixed: the paper's settings (level 0.5);
- band: every sample of the epoch is measured first, and kept if 20 to 80 % of its rollouts are
  right.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

import numpy as np

from rewards.answers import KIND_OF  # noqa: F401 (fails early if the core cannot be imported)
from tasks.calibrate.belief import still_tell
from tasks.calibrate.measure import evidence_of, measure
from tasks.calibrate.plan import allot, make_plan
from tasks.calibrate.spend import spend
from tasks.core.config import CalibrateConfig
from tasks.core.measurement import CellEvidence, CellKey, Measurement, PlannedCell
from tasks.core.seeding import generator
from tasks.core.types import Sample, Split
from tests.helpers.rollouts import make_sample

NUM_SEEDS = int(os.environ.get("SEEDS", "20"))
NUM_ROUNDS, GROUP, EPOCH = 5, 8, 2000
LEVELS = tuple(np.linspace(0, 1, 11).round(2).tolist())
KINDS = {
    "grounding": ("mirror", "zoom_out", "blur", "rotate_180"),
    "counting": ("shapes",),
    "jigsaw": ("clips", "video"),
}
CELLS: list[CellKey] = [
    (pretext, kind, level) for pretext, kinds in KINDS.items() for kind in kinds for level in LEVELS
]
CONFIG = CalibrateConfig(max_rollouts=EPOCH * GROUP // 20, num_samples=EPOCH)


@dataclass
class Policy:
    """Skill and slope of each kind; rewards are right or wrong, or smooth for counting."""

    rng: np.random.Generator
    skill: dict[str, float] = field(default_factory=dict)
    slope: dict[str, float] = field(default_factory=dict)
    bumps: dict[CellKey, float] = field(default_factory=dict)

    @classmethod
    def drawn(cls, seed: int) -> "Policy":
        rng = generator(seed, "policy")
        policy = cls(rng)
        for number, kind in enumerate(kind for kinds in KINDS.values() for kind in kinds):
            policy.skill[kind] = float(rng.uniform(0.0, 0.5))
            policy.slope[kind] = float((4.0, 12.0, 30.0)[number % 3])
        policy.bumps = {cell: float(rng.normal(0, 0.05)) for cell in CELLS}
        return policy

    def probability(self, cell: CellKey) -> float:
        _, kind, level = cell
        return float(
            1 / (1 + np.exp(-self.slope[kind] * (self.skill[kind] + self.bumps[cell] - level)))
        )

    def rewards(self, cell: CellKey) -> list[float]:
        right = self.rng.random(GROUP) < self.probability(cell)
        return right.astype(float).tolist()

    def improve(self, trained: Sequence[CellKey]) -> None:
        """By what the trained groups could teach: their expected spread."""
        for kind in self.skill:
            taught = [self.probability(cell) for cell in trained if cell[1] == kind]
            gain = sum(np.sqrt(p * (1 - p)) for p in taught) / (EPOCH / len(self.skill))
            self.skill[kind] += 0.15 * float(gain)


@dataclass(frozen=True)
class Round:
    """What one round's epoch was like."""

    with_spread: float
    level: float
    skill: float
    rollouts: int


def calibrated(seed: int) -> list[Round]:
    policy, history, plan, rounds = (
        Policy.drawn(seed),
        list[CellEvidence](),
        list[PlannedCell](),
        list[Round](),
    )
    for now in range(1, NUM_ROUNDS + 1):
        pool = _pool(plan, seed, now)
        cell_of = {sample.sample_id: sample.cell for sample in pool}
        found: list[Measurement] = []
        spending = spend(
            pool, history, _measuring(policy), CONFIG,
            num_groups=CONFIG.max_groups, batch_size=8, now=now, seed=seed,
        )  # fmt: skip
        for measured in spending:
            found += measured
        history = still_tell(
            [*history, *evidence_of(found, cell_of, now)],
            now=now,
            round_correlation=CONFIG.round_correlation,
        )
        available = {cell: sum(s.cell == cell for s in pool) for cell in CELLS}
        plan = make_plan(history, available, CONFIG, now=now)
        epoch = list(allot(plan, available, EPOCH).elements())
        epoch = (epoch * (EPOCH // len(epoch) + 1))[:EPOCH]
        rounds.append(_train(policy, epoch, CONFIG.max_rollouts))
    return rounds


def uniform(seed: int) -> list[Round]:
    policy = Policy.drawn(seed)
    return [
        _train(policy, (CELLS * (EPOCH // len(CELLS) + 1))[:EPOCH], 0) for _ in range(NUM_ROUNDS)
    ]


def fixed(seed: int) -> list[Round]:
    policy = Policy.drawn(seed)
    cells = [cell for cell in CELLS if cell[2] == 0.5]
    return [
        _train(policy, (cells * (EPOCH // len(cells) + 1))[:EPOCH], 0) for _ in range(NUM_ROUNDS)
    ]


def band(seed: int) -> list[Round]:
    policy, rounds = Policy.drawn(seed), []
    for _ in range(NUM_ROUNDS):
        cells = (CELLS * (EPOCH // len(CELLS) + 1))[:EPOCH]
        kept = [cell for cell in cells if 0.2 <= fmean(policy.rewards(cell)) <= 0.8]
        rounds.append(_train(policy, (kept * (EPOCH // len(kept) + 1))[:EPOCH], EPOCH * GROUP))
    return rounds


STRATEGIES: dict[str, Callable[[int], list[Round]]] = {
    "calibrated": calibrated,
    "uniform": uniform,
    "fixed at level 0.5": fixed,
    "band 20 to 80 %": band,
}


def test_simulation() -> None:
    print(
        "\n| strategy | round | groups with spread | mean level | skill after | rollouts spent on "
        "measuring |"
    )
    print("|---|---|---|---|---|---|")
    for name, strategy in STRATEGIES.items():
        runs = [strategy(seed) for seed in range(NUM_SEEDS)]
        for number in range(NUM_ROUNDS):
            rows = [run[number] for run in runs]
            cells = [
                _with_se([getattr(row, column) for row in rows])
                for column in ("with_spread", "level", "skill")
            ]
            print(
                f"| {name} | {number + 1} | {' | '.join(cells)} | {rows[0].rollouts} |", flush=True
            )


def _pool(plan: Sequence[PlannedCell], seed: int, now: int) -> list[Sample]:
    """Twice an epoch: uniform before anything is known, else half of it by the plan."""
    cells = (CELLS * (2 * EPOCH // len(CELLS) + 1))[: 2 * EPOCH]
    if plan:
        drawn = allot(plan, dict.fromkeys(CELLS, 2 * EPOCH), EPOCH + EPOCH // 2)
        cells = [*drawn.elements(), *cells[: EPOCH // 2]]
    return [
        replace(
            make_sample(
                f"{now}-{i}", pretext=cell[0], kind=cell[1], level=cell[2], split=Split.TRAIN
            ),
            seed=i,
        )
        for i, cell in enumerate(cells)
    ]


def _measuring(policy: Policy) -> Callable[[Sequence[Sample]], list[Measurement]]:
    return lambda batch: [
        measure(sample.sample_id, policy.rewards(sample.cell), 1e-6) for sample in batch
    ]


def _train(policy: Policy, epoch: Sequence[CellKey], rollouts: int) -> Round:
    with_spread = fmean(len(set(policy.rewards(cell))) > 1 for cell in epoch)
    level = fmean(cell[2] for cell in epoch)
    policy.improve(epoch)
    return Round(with_spread, level, fmean(policy.skill.values()), rollouts)


def _with_se(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f} ± {stdev(values) / np.sqrt(len(values)):.3f}"
