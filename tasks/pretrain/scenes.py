"""What the small base model sees while it is made: short scenes in memory, of seeds that no demo
has.

Half of them are landscapes as `tasks.video.generate` draws them. The others are textures whose
power falls with frequency as that of photographs does, under a light that comes from above, behind
a camera that moves, with things that move in front: what is learned on them holds for other videos
too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.seeding import generator
from tasks.core.types import Clip, Split
from tasks.video.frames import Frames
from tasks.video.generate import Canvas, Floats, draw_scene

NUM_FRAMES = 8
_LANDSCAPES = 0.5
"""Share of the scenes."""
_LANDSCAPE_PX = 64
_SIZES_PX = ((64, 64), (64, 64), (64, 64), (64, 96), (64, 96), (64, 96), (96, 64))
"""(height, width) of textures: what `tasks.video.resize` makes of usual shapes in the demo."""
_USUAL_STEP_SECONDS = 1.0
_STEPS_SECONDS = (0.3, 18.0)
"""Times between frames, evenly in logarithms: clips of some seconds to two minutes."""


@dataclass(frozen=True)
class Scene:
    """A clip with its frames."""

    clip: Clip
    frames: Frames
    is_landscape: bool
    """Whether its pictures tell how late they are."""


def make_scene(seed: int, index: int, *, varied_share: float = 0.5) -> Scene:
    """The same for the same arguments; its time between frames is the usual one or, by
    `varied_share`, any."""
    rng = generator(seed, "pretrain", index)
    is_landscape = bool(rng.random() < _LANDSCAPES)
    frames = _landscape(rng) if is_landscape else _texture(rng)
    step = _USUAL_STEP_SECONDS
    if rng.random() < varied_share:
        step = float(np.exp(rng.uniform(*np.log(_STEPS_SECONDS))))
    height, width = frames.shape[1:3]
    name = f"{seed:08x}{index:08x}"
    clip = Clip(
        clip_id=name,
        source=name,
        sha256="",
        split=Split.TRAIN,
        duration_seconds=step * (NUM_FRAMES + 1),
        source_fps=0.0,
        width_px=width,
        height_px=height,
        timestamps_seconds=tuple(round(step * number, 6) for number in range(NUM_FRAMES)),
        frames_key="",
    )
    return Scene(clip, frames, is_landscape)


def _landscape(rng: np.random.Generator) -> Frames:
    # As ingest does, which leaves out what comes first and last.
    cut = rng.uniform(0, 0.08)
    canvas = Canvas.of(num_frames=NUM_FRAMES, side_px=_LANDSCAPE_PX)
    passed = np.linspace(cut, 1 - cut, NUM_FRAMES, dtype=np.float32)[:, None, None]
    return draw_scene(Canvas(canvas.rows, canvas.columns, passed), rng)


def _texture(rng: np.random.Generator) -> Frames:
    height, width = _SIZES_PX[int(rng.integers(len(_SIZES_PX)))]
    world = _world(2 * height, 2 * width, rng)
    pictures = np.stack(
        [world[y : y + height, x : x + width] for y, x in _camera(height, width, rng)]
    )
    pictures += rng.normal(size=(NUM_FRAMES, 1, 1, 1)) * rng.uniform(0, 4)  # light flickers
    for _ in range(int(rng.integers(0, 4))):
        pictures = _with_thing(pictures, rng)
    return np.clip(pictures, 0, 255).astype(np.uint8)


def _world(height: int, width: int, rng: np.random.Generator) -> Floats:
    """What the camera moves over, (H, W, 3)."""
    slope = rng.uniform(1.6, 3.2)
    brightness = _field(height, width, slope, rng)[..., None] * rng.uniform(20, 60)
    colors = sum(
        _field(height, width, slope + 0.3, rng)[..., None] * _colorful(rng) for _ in range(2)
    )
    world = rng.uniform(60, 190, 3) + brightness + rng.uniform(3, 35) * colors
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    if rng.random() < 0.7:
        # Light from above, and bluer there.
        world = world - down * rng.uniform(-10, 50)
        world = world + down * rng.uniform(-5, 25) * np.array([1, 0.2, -1])
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(2, 10))):
            _paint_patch(world, rng)
    return np.clip(world, 0, 255).astype(np.float32)


def _field(height: int, width: int, slope: float, rng: np.random.Generator) -> Floats:
    """Random numbers (H, W) of mean 0 and deviation 1, their power as 1 / frequency^slope."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1
    amplitude = frequency ** (-slope / 2)
    amplitude[0, 0] = 0
    shape = frequency.shape
    phases = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    field = np.fft.irfft2(phases * amplitude, (height, width))
    scaled: Floats = (field / field.std()).astype(np.float32)
    return scaled


def _colorful(rng: np.random.Generator) -> Floats:
    """A direction in colour that is no brighter."""
    color = rng.standard_normal(3)
    direction: Floats = (color - color.mean()).astype(np.float32)
    return direction


def _paint_patch(world: Floats, rng: np.random.Generator) -> None:
    """Something with hard edges, half seen through."""
    height, width = world.shape[:2]
    y, x = int(rng.integers(height)), int(rng.integers(width))
    rows = slice(y, y + int(rng.integers(height // 20, height // 2)))
    columns = slice(x, x + int(rng.integers(width // 20, width // 2)))
    world[rows, columns] = 0.3 * world[rows, columns] + 0.7 * rng.uniform(10, 245, 3)


def _camera(height: int, width: int, rng: np.random.Generator) -> Sequence[tuple[int, int]]:
    """Where the picture's upper left corner lies in each frame: still or moving, with a steady hand
    or not, and now and then cut."""
    speed, angle = rng.choice([0, 0.15, 0.5, 1.0]), rng.uniform(0, 2 * np.pi)
    far = np.array([np.sin(angle) * height, np.cos(angle) * width]) * speed * rng.uniform(0.3, 1)
    room = np.array([height, width])
    start = rng.uniform(np.maximum(0, -far), room - np.maximum(0, far))
    passed = np.linspace(0, 1, NUM_FRAMES)[:, None]
    path = start + far * passed + rng.normal(size=(NUM_FRAMES, 2)) * rng.uniform(0, 2)
    places = np.clip(path, 0, room).astype(int)
    if rng.random() < 0.15:
        cut = int(rng.integers(1, NUM_FRAMES))
        places[cut:] = (places[cut:] + room // 2) % room
    return [(int(y), int(x)) for y, x in places]


def _with_thing(pictures: Floats, rng: np.random.Generator) -> Floats:
    """A soft ellipse in one colour that keeps its speed."""
    height, width = pictures.shape[1:3]
    radius, shape = rng.uniform(0.05, 0.25) * min(height, width), rng.uniform(0.4, 2)
    color = rng.uniform(0, 255, 3) + _field(height, width, 2.0, rng)[..., None] * 20
    start, speed = rng.uniform(0, [height, width]), rng.normal(0, height / 3, 2)
    passed = np.linspace(0, 1, NUM_FRAMES)[:, None]
    centres = (start + speed * passed)[:, None, None, :]
    rows, columns = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    distance = np.hypot(
        (rows - centres[..., 0]) / radius, (columns - centres[..., 1]) / (radius * shape)
    )
    cover = 0.9 * np.clip((1.1 - distance) / 0.2, 0, 1)[..., None]
    covered: Floats = pictures + (color - pictures) * cover
    return covered
