"""How often do 95 % intervals hold the true mean? By kind of reward, correlation, sizes and number
of videos."""

import os

import numpy as np
import pytest

from tests.helpers.intervals import KINDS, SIZES, Rewards, coverage

NUM_RUNS = int(os.environ.get("RUNS", "4000"))
NUMBERS = (5, 10, 30, 100)


@pytest.mark.parametrize("num_strata", [1, 3])
def test_interval_coverage(num_strata: int) -> None:
    print(
        f"\n{NUM_RUNS} runs a cell, {num_strata} strata: share held in %, (share without interval "
        "in %)\n"
    )
    print(
        "| rewards | correlation | items a video | "
        f"{' | '.join(f'{number} videos' for number in NUMBERS)} |"
    )
    print("|---" * (3 + len(NUMBERS)) + "|")
    for kind in KINDS:
        for correlation in (0.1, 0.4):
            for sizes in SIZES:
                print(_row(kind, correlation, sizes, num_strata), flush=True)


def _row(kind: Rewards, correlation: float, sizes: str, num_strata: int) -> str:
    cells = []
    for number in NUMBERS:
        rng = np.random.default_rng([number, int(10 * correlation)])
        found = coverage(kind, correlation, SIZES[sizes](number), NUM_RUNS, rng, num_strata)
        none = f" ({100 * found.none:.0f})" if found.none >= 0.005 else ""
        cells.append(f"{100 * found.held:.1f}{none}")
    return f"| {kind.name} | {correlation} | {sizes} | {' | '.join(cells)} |"
