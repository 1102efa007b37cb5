import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks.video.decode import FrameChoice, decode_video
from tasks.video.generate import generate_clips, generate_frames


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scene_and_another_index_another() -> None:
    assert np.array_equal(generate_frames(seed=1, index=0), generate_frames(seed=1, index=0))
    assert not np.array_equal(generate_frames(seed=1, index=0), generate_frames(seed=1, index=1))
    assert not np.array_equal(generate_frames(seed=1, index=0), generate_frames(seed=2, index=0))


@pytest.mark.slow
def test_scenes_tell_up_left_red_and_the_arrow_of_time() -> None:
    for index in range(5):
        frames = generate_frames(seed=0, index=index).astype(float)
        top, bottom = frames[:, :10].mean((0, 1, 2)), frames[:, -20:].mean((0, 1, 2))
        assert top[2] > top[0] + 30, "the sky is bluish"
        assert bottom[2] < max(bottom[0], bottom[1]), "the ground is not"
        warm = frames[:, :48, :, 0] + frames[:, :48, :, 1]
        assert warm[:, :, :48].mean() > warm[:, :, 48:].mean(), "the sun is on the left"
        drift = frames[..., 0].mean((1, 2)) - frames[..., 2].mean((1, 2))
        assert drift[-20:].mean() > drift[:20].mean(), "the light turns warmer"


@pytest.mark.slow
def test_sixteen_chosen_frames_are_half_a_second_apart(tmp_path: Path) -> None:
    (path,) = generate_clips(tmp_path, num_clips=1, seed=0)
    choice = FrameChoice(
        num_frames=16, edge_share=0.05, min_area_px=1024, max_area_px=4096, max_damaged_share=0.0
    )
    footage = decode_video(path, choice)
    assert footage.timestamps_seconds == tuple(index * 0.5 for index in range(16))
    assert footage.frames.shape == (16, 64, 64, 3)


@pytest.mark.slow
def test_clips_already_there_stay_and_nothing_else_is_left(tmp_path: Path) -> None:
    first = generate_clips(tmp_path, num_clips=1, seed=0)[0].stat()
    command = [
        sys.executable,
        "-m",
        "tasks.video.generate",
        "--out",
        str(tmp_path),
        "--num",
        "2",
        "--seed",
        "0",
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "scene-0-00000.mp4",
        "scene-0-00001.mp4",
    ]
    assert (tmp_path / "scene-0-00000.mp4").stat().st_mtime_ns == first.st_mtime_ns
