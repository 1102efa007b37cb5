"""Data sets of other projects, made up: pictures, and rows that name them."""

from pathlib import Path

import numpy as np
from PIL import Image


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
        "prompt": [{"role": "system", "content": "..."}, {"role": "user", "content": "<video>\nWhen is it turned?"}],
        "videos": [{"video": frames, "sample_fps": 1.6, "max_pixels": 65536, "min_pixels": 16384}],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"video_id": "a1", "perturbation_type": "Rotate180", "sampling_fps": 1.6},
    }
