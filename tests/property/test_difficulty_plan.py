"""What must hold of belief, spending and plan, whatever was measured."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.calibrate.belief import Quantity, believe
from tasks.calibrate.measure import measure
from tasks.calibrate.plan import allot, make_plan
from tasks.calibrate.spend import spend
from tasks.core.config import CalibrateConfig, PerturbConfig
from tasks.core.measurement import CellEvidence, CellKey, Measurement, PlannedCell
from tasks.core.seeding import generator
from tasks.core.types import Sample, Split
from tasks.perturb.plan import plan_clip
from tests.helpers.clips import make_clip
from tests.helpers.rollouts import make_sample

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
CELLS: list[CellKey] = [
    (pretext, kind, level)
    for pretext, kind in (
        ("counting", "shapes"),
        ("grounding", "mirror"),
        ("grounding", "blur"),
        ("jigsaw", "clips"),
    )
    for level in LEVELS
]
CONFIG = CalibrateConfig()
POOL = dict.fromkeys(CELLS, 10)
"""Half of it is grounding."""


def evidence(
    cell: CellKey, *, spread: float, groups: int = 8, number: int = 1, share: float = 1.0
) -> CellEvidence:
    pretext, kind, level = cell
    return CellEvidence(
        round=number,
        pretext=pretext,
        kind=kind,
        level=level,
        num_groups=groups,
        num_rollouts=8 * groups,
        mean_reward=0.5,
        mean_reward_squared=0.3,
        spread=spread,
        spread_squared=spread**2 + 0.01,
        share_with_spread=share,
    )


rows = st.lists(
    st.builds(
        evidence,
        st.sampled_from(CELLS),
        spread=st.floats(0, 0.5),
        groups=st.integers(1, 50),
        number=st.integers(1, 4),
        share=st.floats(0, 1),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(found=rows)
def test_a_plan_is_a_distribution_with_a_floor_for_every_pretext_task(
    found: list[CellEvidence],
) -> None:
    plan = make_plan(found, POOL, CONFIG, now=5)
    assert sum(cell.probability for cell in plan) == pytest.approx(1)
    assert all(0 <= cell.spread <= 0.5 and 0 <= cell.share_with_spread <= 1 for cell in plan)
    shares = Counter[str]()
    for cell in plan:
        shares[cell.pretext] += cell.probability  # type: ignore[assignment]
    assert shares["grounding"] > 0.8 * 0.5 - 1e-2
    assert min(shares["counting"], shares["jigsaw"]) > 0.8 * 0.25 - 1e-2


@given(found=rows)
def test_evidence_never_makes_a_cell_less_certain(found: list[CellEvidence]) -> None:
    before = believe(Quantity.SPREAD, [], CELLS, now=5, round_correlation=0.6).se
    after = believe(Quantity.SPREAD, found, CELLS, now=5, round_correlation=0.6).se
    assert np.all(after <= before + 1e-9)


def test_a_cell_tells_of_its_neighbours_and_less_of_what_is_farther() -> None:
    seen = evidence(("grounding", "mirror", 0.5), spread=0.45, groups=40)
    belief = dict(
        zip(
            CELLS,
            believe(Quantity.SPREAD, [seen], CELLS, now=1, round_correlation=0.6).mean,
            strict=True,
        )
    )
    itself = belief["grounding", "mirror", 0.5]
    assert itself == pytest.approx(0.45, abs=0.02)
    assert itself > belief["grounding", "mirror", 0.75] > belief["grounding", "mirror", 1.0]
    assert (
        belief["grounding", "mirror", 0.75]
        > belief["grounding", "blur", 0.75]
        > belief["counting", "shapes", 0.75]
    )
    assert belief["counting", "shapes", 0.75] == pytest.approx(Quantity.SPREAD.value.prior_mean)


def test_an_old_round_tells_less() -> None:
    cell = ("jigsaw", "clips", 0.5)
    means = [
        believe(
            Quantity.SPREAD, [evidence(cell, spread=0.45)], [cell], now=now, round_correlation=0.6
        ).mean[0]
        for now in (1, 2, 4, 40)
    ]
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(Quantity.SPREAD.value.prior_mean, abs=1e-6)


def test_yesterdays_posterior_is_todays_prior() -> None:
    """One measured cell, by hand: sd and correlation of the prior shrink the observation's
    surprise."""
    cell, prior = ("jigsaw", "clips", 0.5), Quantity.SPREAD.value
    noise = (4 * prior.group_variance + 8 * 0.01) / 12 / 8
    gain = prior.prior_sd**2 / (prior.prior_sd**2 + noise)
    mean, variance = (
        prior.prior_mean + gain * (0.4 - prior.prior_mean),
        prior.prior_sd**2 * (1 - gain),
    )
    seen = [evidence(cell, spread=0.4)]
    now = believe(Quantity.SPREAD, seen, [cell], now=1, round_correlation=0.6)
    assert (now.mean[0], now.se[0] ** 2) == pytest.approx((mean, variance))
    later = believe(Quantity.SPREAD, seen, [cell], now=2, round_correlation=0.6)
    assert later.mean[0] == pytest.approx(prior.prior_mean + 0.6 * (mean - prior.prior_mean))
    assert later.se[0] ** 2 == pytest.approx(0.36 * variance + (1 - 0.36) * prior.prior_sd**2)


@given(
    total=st.integers(1, 400),
    holds=st.lists(st.integers(0, 30), min_size=len(CELLS), max_size=len(CELLS)),
)
def test_an_allotment_takes_what_is_there_and_no_more_than_wanted(
    total: int, holds: list[int]
) -> None:
    available = dict(zip(CELLS, holds, strict=True))
    plan = [_planned(cell, 1 / len(CELLS)) for cell in CELLS]
    taken = allot(plan, available, total)
    assert all(taken[cell] <= available[cell] for cell in CELLS)
    assert taken.total() == min(total, sum(holds))


def test_spending_stays_in_the_budget_measures_nothing_twice_and_prefers_spread() -> None:
    pool = [
        make_sample(
            f"{number}-{cell}", pretext=cell[0], kind=cell[1], level=cell[2], split=Split.TRAIN
        )
        for cell in CELLS
        for number in range(40)
    ]
    measured = _spend(pool, num_groups=200)
    assert len(measured) == len({m.sample_id for m in measured}) == 200
    assert measured == _spend(pool, num_groups=200)
    with_spread = sum(m.kept for m in measured) / 200
    assert with_spread > 0.6, "uniform spending would find spread in a fifth of the groups"
    cells = Counter(m.sample_id.split("(")[1].split(",")[0] for m in measured)
    assert min(cells.values()) >= 0.8 * 0.25 * 200 - 1


def _spend(pool: Sequence[Sample], num_groups: int) -> list[Measurement]:
    def roll_out(batch: Sequence[Sample]) -> list[Measurement]:
        rewards = [
            [
                float(generator(0, s.sample_id, i).random() < 0.5) if s.level == 0.5 else 0.0
                for i in range(8)
            ]
            for s in batch
        ]
        return [
            measure(s.sample_id, values, 1e-6) for s, values in zip(batch, rewards, strict=True)
        ]

    batches = spend(pool, [], roll_out, CONFIG, num_groups=num_groups, batch_size=8, now=1, seed=0)
    return [measurement for batch in batches for measurement in batch]


def test_training_samples_come_from_each_cell_as_often_as_the_plan_says_held_out_do_not() -> None:
    config = PerturbConfig(levels=LEVELS, grounding_kinds=("mirror", "zoom_out"), exploration=0.2)
    odds = {
        ("grounding", "mirror", 0.75): 0.3,
        ("grounding", "zoom_out", 0.25): 0.1,
        ("counting", "shapes", 0.5): 0.6,
    }
    clips = [make_clip(f"{number:03}") for number in range(60)]
    samples = [
        s
        for clip in clips
        for s in plan_clip(clip, config, 0, odds=odds)
        if s.pretext == "grounding"
    ]
    shares = Counter(s.cell for s in samples)
    assert shares["grounding", "mirror", 0.75] / len(samples) == pytest.approx(
        0.8 * 0.75 + 0.2 / 10, abs=0.02
    )
    assert shares["grounding", "zoom_out", 0.25] / len(samples) == pytest.approx(
        0.8 * 0.25 + 0.2 / 10, abs=0.02
    )
    assert shares["grounding", "zoom_out", 1.0] / len(samples) == pytest.approx(0.02, abs=0.01)
    heldout = make_clip("h", split=Split.HELDOUT)
    assert plan_clip(heldout, config, 0, odds=odds) == plan_clip(heldout, config, 0)


def _planned(cell: CellKey, probability: float) -> PlannedCell:
    pretext, kind, level = cell
    return PlannedCell(
        pretext=pretext,
        kind=kind,
        level=level,
        probability=probability,
        mean_reward=0.5,
        spread=0.3,
        spread_se=0.01,
        share_with_spread=1.0,
    )
