import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import IngestConfig
from tasks.ingest.quality import find_flaw, find_size_flaw
from tasks.ingest.reasons import Reason
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.encode import ffmpeg_binary, write_mp4
from tasks.video.frames import Frames
from tasks.video.generate import generate_frames
from tests.helpers.videos import moving_frames

CONFIG = IngestConfig(num_frames=48)
CHOICE = FrameChoice(
    num_frames=48, edge_share=0.05, min_area_px=1024, max_area_px=96 * 96, max_damaged_share=0.0
)


def flaw_of(frames: Frames, config: IngestConfig = CONFIG, seconds: float = 9.0) -> Reason | None:
    flaw = find_flaw(frames, seconds, config)
    return flaw[0] if flaw else None


def scene(num_frames: int = 48) -> Frames:
    return generate_frames(seed=1, index=0)[: 3 * num_frames : 3]


def test_a_generated_scene_is_good() -> None:
    assert flaw_of(scene()) is None


def test_a_short_video_is_measured_in_seconds() -> None:
    assert flaw_of(scene(), seconds=1.99) is Reason.TOO_SHORT
    assert flaw_of(scene(), seconds=2.0) is None
    assert flaw_of(scene(), replace(CONFIG, min_seconds=0.5), seconds=1.0) is None


def test_a_slide_show_has_too_few_distinct_frames() -> None:
    slides = np.repeat(scene()[::8], 8, axis=0)
    assert flaw_of(slides) is Reason.TOO_FEW_DISTINCT
    assert flaw_of(slides, replace(CONFIG, min_distinct_share=0.1)) is None


def test_slides_that_come_again_are_not_new() -> None:
    pair = scene()[[0, 40]]
    assert flaw_of(np.concatenate([pair] * 24)) is Reason.TOO_FEW_DISTINCT


@pytest.mark.slow
def test_a_clip_that_freezes_is_found_though_coding_adds_noise(tmp_path: Path) -> None:
    frozen = np.concatenate(
        [generate_frames(seed=1, index=2)[:12], *[generate_frames(seed=1, index=2)[12:13]] * 140]
    )
    write_mp4(tmp_path / "a.mp4", frozen, 18.0, quality=35)
    footage = decode_video(tmp_path / "a.mp4", CHOICE)
    assert flaw_of(footage.frames, replace(CONFIG, min_motion=0.0)) is Reason.TOO_FEW_DISTINCT


def test_a_small_thing_that_moves_makes_frames_distinct() -> None:
    frames = np.repeat(scene()[:1], 48, axis=0)
    for index, frame in enumerate(frames):
        frame[40:48, 2 * index % 90 : 2 * index % 90 + 6] = 255
    assert flaw_of(frames, replace(CONFIG, min_motion=0.0)) is None


@pytest.mark.parametrize("level", [0, 16, 255])
def test_black_and_blank_frames_are_told(level: int) -> None:
    frames = scene().copy()
    frames[:20] = level
    assert flaw_of(frames) is None
    frames[:25] = level
    frames[:25] += np.random.default_rng(0).integers(
        0, 1 + (level < 255), frames[:25].shape, dtype=np.uint8
    )
    assert flaw_of(frames) is Reason.BLANK
    assert flaw_of(frames, replace(CONFIG, max_blank_share=0.6)) is None


def test_a_dark_scene_is_not_blank() -> None:
    assert flaw_of(scene() // 6) is None


@pytest.mark.slow
def test_pictures_too_small_or_too_large_are_told_by_the_header(tmp_path: Path) -> None:
    write_mp4(tmp_path / "small.mp4", moving_frames(height=48, width=96), 20.0)
    flaw = find_size_flaw(tmp_path / "small.mp4", CONFIG)
    assert flaw == (Reason.FRAMES_TOO_SMALL, "96x48, at least 64 a side needed")
    assert find_size_flaw(tmp_path / "small.mp4", replace(CONFIG, min_source_side_px=48)) is None
    flaw = find_size_flaw(tmp_path / "small.mp4", replace(CONFIG, max_source_area_px=96 * 48 - 1))
    assert flaw == (Reason.FRAMES_TOO_LARGE, "96x48, at most 4607 pixels allowed")


@pytest.mark.slow
def test_a_file_of_huge_pictures_is_turned_away_undecoded(tmp_path: Path) -> None:
    source = ["-f", "lavfi", "-i", "color=black:s=9000x4400:r=1:d=1"]
    subprocess.run(
        [ffmpeg_binary(), "-loglevel", "error", *source, "-c:v", "mjpeg", tmp_path / "a.avi"],
        check=True,
    )
    flaw = find_size_flaw(tmp_path / "a.avi", CONFIG)
    assert flaw is not None
    assert flaw[0] is Reason.FRAMES_TOO_LARGE
