"""Generated clips for the demo and the tests: `python -m tasks.video.generate --out DIR --num 40
--seed 0`.

Varied, but with the regularities that make real video learnable without labels: the sky is above
and bluish, the ground below and green or brown, a glowing sun stands on the left, the light turns
from cool to warm and the sun climbs as time passes, the camera pans right, and things keep moving
as they did. So order, orientation, mirroring and exchanged colour channels can all be told. No
circles, squares or triangles: those are what counting adds.
"""

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tasks.core.seeding import generator
from tasks.video.encode import write_mp4
from tasks.video.frames import Frames

FPS = 18.0
NUM_FRAMES = 160
"""8.889 s: the middle 90 % is 8 s, so 16 chosen frames are half a second apart."""
SIDE_PX = 96

logger = logging.getLogger(__name__)
Floats = NDArray[np.floating[Any]]
"""Computed in float32 for speed."""


@dataclass(frozen=True)
class Canvas:
    """Where and when a scene is drawn."""

    rows: Floats
    """Share of the height, (H, 1)."""
    columns: Floats
    """Share of the width, (1, W)."""
    passed: Floats
    """Share of the clip that has passed, (F, 1, 1)."""

    @classmethod
    def of(cls, *, num_frames: int, side_px: int) -> "Canvas":
        """A square one, its frames evenly over the whole clip."""
        side = np.arange(side_px, dtype=np.float32) / side_px
        passed = np.arange(num_frames, dtype=np.float32) / num_frames
        return cls(rows=side[:, None], columns=side[None, :], passed=passed[:, None, None])

    @property
    def height_px(self) -> int:
        return len(self.rows)


def generate_clips(folder: Path, *, num_clips: int, seed: int) -> list[Path]:
    """Write the clips that `folder` does not have yet; returns all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"scene-{seed}-{index:05d}.mp4" for index in range(num_clips)]
    missing = [(index, path) for index, path in enumerate(paths) if not path.exists()]
    for index, path in tqdm(missing, desc="generate clips", unit="clip", disable=not missing):
        write_mp4(path, generate_frames(seed=seed, index=index), FPS)
    logger.info("%d clips generated, %d were there already", len(missing), num_clips - len(missing))
    return paths


def generate_frames(*, seed: int, index: int) -> Frames:
    """The frames (160, 96, 96, 3) of one scene; the same for the same arguments."""
    canvas = Canvas.of(num_frames=NUM_FRAMES, side_px=SIDE_PX)
    return draw_scene(canvas, generator(seed, "generate", index))


def draw_scene(canvas: Canvas, rng: np.random.Generator) -> Frames:
    """The frames (F, H, W, 3) of one scene."""
    picture = _landscape(canvas, rng)
    picture = _with_sun(canvas, picture, rng)
    outlines = list(_OUTLINES.values())
    for number in rng.permutation(len(outlines))[: rng.integers(2, 5)]:
        picture = _with_object(canvas, picture, outlines[number], rng)
    warmth = _rgb(45, 0, -35) * (canvas.passed[..., None] - 0.5)
    return np.clip(picture + warmth, 0, 255).astype(np.uint8)


def _landscape(canvas: Canvas, rng: np.random.Generator) -> Floats:
    """Sky over textured ground behind a camera that pans to the right, (F, H, W, 3)."""
    pan = canvas.passed * rng.uniform(0.4, 1.2) + rng.uniform(0, 10)
    x = canvas.columns + pan
    hills = sum(
        rng.uniform(0.01, 0.05) * np.sin(x * rng.uniform(2, 9) + rng.uniform(0, 6))
        for _ in range(3)
    )
    horizon = rng.uniform(0.5, 0.65) + hills
    depth = np.clip((canvas.rows - horizon) * canvas.height_px, 0, 1)[..., None]
    sky = (
        _rgb(70, 130, 235)
        + _rgb(*rng.uniform(-20, 20, 3))
        + canvas.rows[..., None] * _rgb(110, 90, 5)
    )
    green_or_brown = _rgb(60, 135, 45) if rng.random() < 0.6 else _rgb(140, 95, 45)
    texture = sum(
        np.sin(x * rng.uniform(15, 50) + canvas.rows * rng.uniform(-40, 40)) for _ in range(3)
    )
    ground = (
        green_or_brown
        + _rgb(*rng.uniform(-15, 15, 3))
        + (10 * texture - 60 * (canvas.rows - 0.6))[..., None]
    )
    return sky + (ground - sky) * depth


def _with_sun(canvas: Canvas, picture: Floats, rng: np.random.Generator) -> Floats:
    """A soft glow on the left that climbs as time passes."""
    x, y = rng.uniform(0.12, 0.28), rng.uniform(0.34, 0.42) - rng.uniform(0.2, 0.28) * canvas.passed
    glow = np.exp(
        -((canvas.columns - x) ** 2 + (canvas.rows - y) ** 2) / rng.uniform(0.006, 0.012)
    )[..., None]
    lit: Floats = picture + (_rgb(255, 235, 120) - picture) * glow
    return lit


def _with_object(
    canvas: Canvas,
    picture: Floats,
    outline: Callable[[Floats, Floats], Floats],
    rng: np.random.Generator,
) -> Floats:
    """A thing in one colour that keeps its speed, mostly to the right, and comes in again on the
    other side."""
    size, speed = rng.uniform(0.1, 0.18), rng.uniform(0.4, 1.3) * (1 if rng.random() < 0.8 else -1)
    lane, swing, phase = rng.uniform(0.3, 0.85), rng.uniform(0, 0.08), rng.uniform(0, 6)
    wide = 1 + 2 * size
    # From -size to 1 + size: it has left the picture as a whole before it comes in again.
    x = (rng.uniform(0, wide) + speed * canvas.passed) % wide - size
    y = lane + swing * np.sin(phase + 12 * canvas.passed)
    distance = outline((canvas.columns - x) / size, (canvas.rows - y) / size)
    cover = np.clip(0.5 - distance * size * canvas.height_px, 0, 1)[..., None]
    color = _rgb(
        *rng.permutation([rng.uniform(180, 255), rng.uniform(20, 200), rng.uniform(0, 70)])
    )
    covered: Floats = picture + (color - picture) * cover
    return covered


def _rgb(red: float, green: float, blue: float) -> Floats:
    return np.array([red, green, blue], np.float32)


def _bar(x: Floats, y: Floats) -> Floats:
    distance: Floats = np.maximum(np.abs(x) - 1, np.abs(y) - 0.3)
    return distance


def _cross(x: Floats, y: Floats) -> Floats:
    lying, standing = (
        np.maximum(np.abs(x) - 0.9, np.abs(y) - 0.25),
        np.maximum(np.abs(x) - 0.25, np.abs(y) - 0.9),
    )
    distance: Floats = np.minimum(lying, standing)
    return distance


def _ellipse(x: Floats, y: Floats) -> Floats:
    distance: Floats = (np.hypot(x, 2.2 * y) - 1) / 2.2
    return distance


def _ring(x: Floats, y: Floats) -> Floats:
    distance: Floats = np.abs(np.hypot(x, y) - 0.75) - 0.2
    return distance


_OUTLINES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "bar": _bar,
    "cross": _cross,
    "ellipse": _ellipse,
    "ring": _ring,
}
"""Distance to the outline, negative inside, in units of the object's half width."""


def _main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.video.generate", description="Write generated clips."
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write to; clips already there stay"
    )
    parser.add_argument("--num", type=int, default=40, help="how many clips (default 40)")
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed, other scenes (default 0)"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    generate_clips(arguments.out, num_clips=arguments.num, seed=arguments.seed)


if __name__ == "__main__":
    _main()
