"""Data sets of other projects, made up: pictures, and rows that name them."""

from pathlib import Path

import numpy as np
from PIL import Image

from tasks.core.config import IngestConfig
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.exchange.import_rows import ImportPlan, import_rows
from tasks.exchange.video_paths import VideoPaths

CONFIG = IngestConfig(
    num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1, max_bits_per_px=24.0
)
"""The frames of these tests are noise: as many bits as they need."""


def samples_of(store: Store, key: str) -> list[Sample]:
    return read_rows(store, key, Sample)


def import_from(
    store: Store, file: Path, root: Path | None = None, split: str = "train"
) -> DataSet:
    where = VideoPaths(root=root or file.parent)
    return import_rows(store, ImportPlan(file=file, videos=where, config=CONFIG, split=split))


def write_frames(folder: Path, count: int = 8) -> list[str]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(rng.integers(0, 255, (96, 128, 3), np.uint8)).save(folder / f"{index}.jpg")
    return [f"{folder.name}/{index}.jpg" for index in range(count)]


def release_row(frames: list[str], truth: str = "1.2-3.8") -> dict[str, object]:
    """The shape of the paper's release, with invented content."""
    return {
        "data_source": "grounding",
        "prompt": [
            {"role": "system", "content": "..."},
            {"role": "user", "content": "<video>\nWhen is it turned?"},
        ],
        "videos": [{"video": frames, "sample_fps": 1.6, "max_pixels": 65536, "min_pixels": 16384}],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"video_id": "a1", "perturbation_type": "Rotate180", "sampling_fps": 1.6},
    }
