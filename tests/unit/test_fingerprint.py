from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tasks.core.seeding import generator
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.fingerprint import NUM_BITS, fingerprint, near_between, near_pairs
from tasks.video.frames import Frames
from tasks.video.generate import NUM_FRAMES, SIDE_PX, Canvas, draw_scene, generate_frames
from tests.helpers.videos import SHARED_VIDEOS

LIMIT = 0.2


def distance(one: Frames, other: Frames) -> float:
    pairs = list(near_pairs([fingerprint(one), fingerprint(other)], max_distance=1.0))
    return pairs[0].distance


def remade(frames: Frames, *, side: int, brightness: float, noise: float) -> Frames:
    """Scaled, brightened and noisy."""
    rng = np.random.default_rng(0)
    pictures = [
        ImageEnhance.Brightness(Image.fromarray(frame)).enhance(brightness) for frame in frames
    ]
    small = np.stack([np.asarray(picture.resize((side, side))) for picture in pictures])
    return np.clip(small + rng.normal(0, noise, small.shape), 0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(5))
def test_a_copy_that_was_scaled_brightened_coded_or_trimmed_is_near(index: int) -> None:
    frames = generate_frames(seed=3, index=index)
    original = frames[8:152:9]
    assert distance(original, remade(original, side=48, brightness=1.2, noise=8)) < LIMIT
    assert distance(original, remade(original, side=64, brightness=0.6, noise=4)) < LIMIT
    trimmed = frames[int(160 * 0.03) + 8 : 152 : 9]
    assert distance(original, trimmed[: len(original)]) < LIMIT


_CHOSEN = slice(8, 152, 9)


def few_frames(seed: int, index: int) -> Frames:
    """Sixteen of a generated scene, of which no others are drawn."""
    whole = Canvas.of(num_frames=NUM_FRAMES, side_px=SIDE_PX)
    return draw_scene(
        replace(whole, passed=whole.passed[_CHOSEN]), generator(seed, "generate", index)
    )


def test_some_frames_of_a_scene_are_those_of_the_whole_one() -> None:
    assert np.array_equal(few_frames(4, 0), generate_frames(seed=4, index=0)[_CHOSEN])


@pytest.mark.slow
def test_other_scenes_of_the_same_kind_are_not_near() -> None:
    prints = [fingerprint(few_frames(4, index)) for index in range(40)]
    assert list(near_pairs(prints, max_distance=LIMIT)) == []


@pytest.mark.slow
def test_another_event_before_the_same_fixed_camera_is_not_near() -> None:
    scenes = []
    for lane, direction in ((10, 1), (30, -1), (50, 1)):
        frames = np.repeat(generate_frames(seed=5, index=0)[:1], 16, axis=0).copy()
        for step, frame in enumerate(frames):
            left = (step * 5 if direction > 0 else 80 - step * 5) + 5
            frame[lane : lane + 20, left : left + 20] = (230, 40, 40)
        scenes.append(fingerprint(frames))
    assert list(near_pairs(scenes, max_distance=LIMIT)) == []


@pytest.mark.slow
def test_different_dark_videos_are_not_near() -> None:
    prints = [fingerprint(few_frames(6, index) // 12) for index in range(20)]
    assert list(near_pairs(prints, max_distance=LIMIT)) == []


@pytest.mark.parametrize("number", [0, 1, 2, 1023, 1024, 1025, 2100])
def test_the_search_finds_what_comparing_every_pair_finds(number: int) -> None:
    rng = np.random.default_rng(number)
    bits = rng.integers(0, 2, (number, NUM_BITS))
    for copy in range(number // 10):
        bits[number - 1 - copy] = bits[copy] ^ (rng.random(NUM_BITS) < 0.1)
    prints = [np.packbits(row).tobytes().hex() for row in bits]
    signs = 2.0 * bits - 1
    share = (NUM_BITS - signs @ signs.T) / 2 / NUM_BITS
    expected = {(i, j) for i, j in zip(*np.nonzero(share <= LIMIT), strict=True) if i < j}
    found = list(near_pairs(prints, max_distance=LIMIT))
    assert {(pair.first, pair.second) for pair in found} == expected
    assert all(pair.distance == pytest.approx(share[pair.first, pair.second]) for pair in found)


def test_an_unknown_fingerprint_is_near_nothing() -> None:
    known = fingerprint(generate_frames(seed=0, index=0)[::10])
    assert [tuple(pair) for pair in near_pairs(["", known, "", known], max_distance=LIMIT)] == [
        (1, 3, 0.0)
    ]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
def test_a_real_copy_is_near_and_another_dog_is_not() -> None:
    choice = FrameChoice(
        num_frames=16, edge_share=0.05, min_area_px=1024, max_area_px=4096, max_damaged_share=0.02
    )
    names = (
        "dog-fetch.mp4",
        "odd/dog-fetch-reencoded.mkv",
        "squirrel-eating.mp4",
        "webb-telescope-cleanroom.mp4",
    )
    prints = [fingerprint(decode_video(SHARED_VIDEOS / name, choice).frames) for name in names]
    assert [(pair.first, pair.second) for pair in near_pairs(prints, max_distance=LIMIT)] == [
        (0, 1)
    ]


def test_pairs_between_two_lists_are_those_of_one_list_that_cross(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    prints = [np.packbits(rng.integers(0, 2, NUM_BITS)).tobytes().hex() for _ in range(23)]
    prints[4] = ""
    ours, theirs = prints[:15], [*prints[15:], *prints[:6]]
    monkeypatch.setattr("tasks.video.fingerprint._BLOCK", 4)
    crossing = {
        (pair.first, pair.second - len(ours), pair.distance)
        for pair in near_pairs([*ours, *theirs], max_distance=0.5)
        if pair.first < len(ours) <= pair.second
    }
    assert {tuple(pair) for pair in near_between(ours, theirs, max_distance=0.5)} == crossing
    assert (0, 8, 0.0) in crossing
