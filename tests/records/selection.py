"""Calibration after the measuring: what is believed of each cell, the difficulty plan, and the
samples selected."""

from pathlib import Path

from tests.records import clips
from tests.records.product.data import (
    CalibrateConfig,
    Measurement,
    PerturbConfig,
    Store,
    generator,
    plan_samples,
    select_samples,
    tell_group,
)

_POOL = PerturbConfig(
    levels=(0.0, 0.5, 1.0), train_samples_per_clip=(24, 6, 12), heldout_samples_per_clip=(1, 1, 1)
)
_CONFIGS = {
    "usual": CalibrateConfig(num_samples=40),
    "warm and even": CalibrateConfig(
        num_samples=60, plan_temperature=0.5, min_share_with_spread=0.4, pretext_floor=0.2
    ),
    "cold": CalibrateConfig(
        num_samples=40, plan_temperature=0.02, min_share_with_spread=0.0, pretext_floor=0.0
    ),
    "all": CalibrateConfig(select_by="all"),
}
_MEASURED_SHARE = 0.6
_ROLLOUTS = 8


def selection(seed: int, folder: Path) -> object:
    """Two rounds, the second with the evidence of the first, for measurements drawn from NumPy."""
    pool = [
        sample for sample in plan_samples(clips.PLANNED, _POOL, seed) if sample.split == "train"
    ]
    found: dict[str, object] = {}
    for name, config in _CONFIGS.items():
        store = Store(str(folder / name))
        start = None
        for number in (1, 2) if name == "usual" else (1,):
            measurements = [
                _measured(seed, number, sample.sample_id, sample.level)
                for sample in pool
                if generator(seed, "asked", number, sample.sample_id).random() < _MEASURED_SHARE
            ]
            told = select_samples(store, pool, measurements, config, seed, start)
            start = told.plan_handle
            found[f"{name}, round {number}"] = {
                "selected": told.sample_ids,
                "plan": {
                    " ".join(map(str, cell.cell)): [
                        *(
                            cell.probability,
                            cell.mean_reward,
                            cell.spread,
                            cell.spread_se,
                            cell.share_with_spread,
                        )
                    ]
                    for cell in told.cells
                },
                "counts": told.counts,
            }
    return found


def groups(seed: int, folder: Path) -> object:
    """What a group's rewards say about its sample."""
    made = {
        "all right": [1.0] * 4,
        "all wrong": [0.0] * 4,
        "all equal": [0.7] * 8,
        "hardly": [0.5, 0.5 + 1e-7, 0.5],
        "drawn": [round(float(reward), 3) for reward in generator(seed, "groups").random(8)],
    }
    return {name: tell_group(name, rewards) for name, rewards in made.items()}


def _measured(seed: int, number: int, sample_id: str, level: float) -> Measurement:
    rewards = generator(seed, "measured", number, sample_id).random(_ROLLOUTS) * (1.2 - level)
    cut = [float(min(1.0, max(0.0, round(reward, 2) - 0.3 * (number == 1)))) for reward in rewards]
    return tell_group(sample_id, cut if level < 1.0 or cut[0] > 0.1 else [0.0] * _ROLLOUTS)
