"""A benchmark's prompt, token for token as the official helper and processor make it."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from qwen_vl_utils import vision_process as official
from transformers.video_utils import VideoMetadata

from tasks.core.types import VideoFile
from tasks.rollout.inputs import encode_prompt
from tasks.video.official import Showing, show_file
from tests.helpers.policy import fresh_policy, make_prompt
from tests.helpers.videos import SHARED_VIDEOS, write_video

pytestmark = pytest.mark.slow

_SHOWING = Showing(fps=2.0, max_frames=48, min_area_px=128 * 128, max_area_px=256 * 256)


def _official(path: Path, part: dict[str, float]) -> tuple[torch.Tensor, VideoMetadata]:
    """What `fetch_video` does after a reader of its has stated the number of frames and their
    rate."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    ele: dict[str, Any] = {"fps": _SHOWING.fps, "max_frames": _SHOWING.max_frames, **part}
    first, last, count = official.calculate_video_frame_range(ele, len(frames), rate)
    indices = (
        torch.linspace(first, last, official.smart_nframes(ele, count, rate))
        .round()
        .long()
        .tolist()
    )
    height, width = official.smart_resize(
        *frames[0].shape[:2],
        factor=32,
        min_pixels=_SHOWING.min_area_px,
        max_pixels=_SHOWING.max_area_px,
    )
    video = torch.from_numpy(np.stack([frames[index] for index in indices])).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(
        video.float(), (height, width), mode="bicubic", antialias=True
    )
    return resized, VideoMetadata(fps=rate, frames_indices=indices, total_num_frames=len(frames))


def _check(path: Path, **part: float) -> None:
    policy = fresh_policy()
    start, stop = part.get("video_start"), part.get("video_end")
    shown = show_file(
        path.parent, VideoFile(paths=(path.name,), start_seconds=start, stop_seconds=stop), _SHOWING
    )
    prompt = make_prompt(policy, "What happens?", shown)
    video, metadata = _official(path, part)
    expected = policy.processor(
        text=[prompt.text],
        videos=[video],
        video_metadata=[metadata],
        do_sample_frames=False,
        do_resize=False,
        return_tensors="pt",
    )
    ours = encode_prompt(policy.processor, prompt)
    assert ours.input_ids.tolist() == expected["input_ids"][0].tolist()
    assert ours.grid_thw.tolist() == expected["video_grid_thw"].tolist()
    # Another scaler: in most places within a few of 255 steps (values run from -1 to 1).
    assert (ours.pixel_values - expected["pixel_values_videos"]).abs().median() < 4 / 127.5


@pytest.mark.parametrize("num_frames", [8, 61, 300])
def test_a_prompt_is_the_official_one(tmp_path: Path, num_frames: int) -> None:
    _check(write_video(tmp_path / "v.mp4", num_frames=num_frames, fps=12.5))


def test_a_prompt_on_a_part_of_a_video_is_the_official_one(tmp_path: Path) -> None:
    _check(
        write_video(tmp_path / "v.mp4", num_frames=200, fps=20.0), video_start=2.2, video_end=7.9
    )


@pytest.mark.skipif(not SHARED_VIDEOS.is_dir(), reason="real videos are not beside the project")
@pytest.mark.parametrize("name", ["butterfly", "dog-fetch", "cups-shuffle"])
def test_a_prompt_on_a_real_video_is_the_official_one(name: str) -> None:
    _check(SHARED_VIDEOS / f"{name}.mp4")
