"""Questions a second on a benchmark: ours through vLLM, against a plain loop as the paper's scripts
have it.

The loop takes one question at a time: the official helper decodes the video (qwen-vl-utils), the
processor makes the prompt, `generate` answers greedily. Same model, frames, sizes and items, two
threads each. Real videos if they are beside the project, else generated ones.
"""

import gc
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qwen_vl_utils import vision_process
from transformers.video_utils import VideoMetadata

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.config import VllmConfig
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.answerer import PolicyAnswerer, Sampling
from tasks.rollout.prompt import render_prompt
from tasks.rollout.videos import BenchmarkVideos
from tasks.rollout.vllm_engine import VllmEngine
from tasks.video.generate import generate_clips
from tasks.video.render import ShownVideo
from tests.helpers.files import write_json
from tests.helpers.videos import SHARED_VIDEOS

NUM_VIDEOS = int(os.environ.get("VIDEOS", "8"))
CONDITIONS = Conditions(
    max_frames=32, min_area_px=64 * 64, max_area_px=160 * 160, max_answer_tokens=8
)
BATCH = 48
NOTHING = ShownVideo(frames=np.zeros((0, 32, 32, 3), np.uint8), timestamps_seconds=())
"""The prompt's text is the same whatever the video holds."""


@pytest.mark.parametrize("per_video", [1, 3, 12])
def test_questions_a_second(tmp_path: Path, per_video: int) -> None:
    folder, store = _benchmark(tmp_path, per_video), Store(str(tmp_path / "root"))
    samples = list(BENCHMARKS[folder.name].open(Path(folder.folder), folder.conditions).samples())
    policy = make_tiny_policy(
        hidden_size=128, num_layers=4, seed=0, texts=sorted({s.question for s in samples})
    )
    torch.set_num_threads(2)
    vision_process.FORCE_QWENVL_VIDEO_READER = (
        "decord"  # its only reader that brings its own FFmpeg
    )
    vision_process.get_video_reader_backend.cache_clear()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        started = time.perf_counter()
        for sample in samples:
            _plain(policy, folder, sample)
        their_seconds = time.perf_counter() - started

        engine = VllmEngine(policy, VllmConfig(max_model_tokens=4096, cache_gib=1.0))
        answerer = PolicyAnswerer("", lambda: (policy.processor, engine), seed=0)
        videos, sampling = (
            BenchmarkVideos(store, folder),
            Sampling(1, 0.0, CONDITIONS.max_answer_tokens, ("bench",)),
        )
        answerer.answer(
            samples[:1], BenchmarkVideos(store, folder).show, sampling
        )  # what only the first call does
        started = time.perf_counter()
        for start in range(0, len(samples), BATCH):
            answerer.answer(samples[start : start + BATCH], videos.show, sampling)
        our_seconds = time.perf_counter() - started
        answerer.close()
        gc.collect()

    print(
        f"\n| {per_video} | {len(samples)} | {len(samples) / their_seconds:.2f} | "
        f"{len(samples) / our_seconds:.2f} | {their_seconds / our_seconds:.1f} | {len(samples)} | "
        f"{videos.num_decoded} |",
        flush=True,
    )


def _benchmark(root: Path, per_video: int) -> BenchmarkFolder:
    videos = root / "videos"
    videos.mkdir()
    if SHARED_VIDEOS.is_dir():
        for path in sorted(SHARED_VIDEOS.glob("*.mp4"))[:NUM_VIDEOS]:
            (videos / path.name).symlink_to(path)
    else:
        generate_clips(videos, num_clips=NUM_VIDEOS, seed=0)
    rows = [
        {
            "video": path.name,
            "question": f"What happens, number {number}?",
            "options": ["a", "b", "c"],
            "answer": "A",
            "id": f"{path.stem}-{number}",
        }
        for path in sorted(videos.iterdir())
        for number in range(per_video)
    ]
    write_json(root / "questions.json", rows)
    return BenchmarkFolder(
        name="universal", folder=str(root), conditions=CONDITIONS, adapter="universal"
    )


@torch.no_grad()
def _plain(policy: Policy, folder: BenchmarkFolder, sample: Sample) -> str:
    (view,) = sample.views
    assert view.file is not None
    element: dict[str, Any] = {
        "video": str(Path(folder.folder) / view.file.paths[0]),
        "fps": CONDITIONS.fps,
        "max_frames": CONDITIONS.max_frames,
        "min_pixels": CONDITIONS.min_area_px,
        "max_pixels": CONDITIONS.max_area_px,
    }
    video, metadata = vision_process.fetch_video(
        element, image_patch_size=16, return_video_metadata=True
    )
    text = render_prompt(policy.processor, sample, (NOTHING,)).text
    inputs = policy.processor(
        text=[text],
        videos=[video],
        video_metadata=[VideoMetadata(**{k: v for k, v in metadata.items() if k in _KNOWN})],
        do_sample_frames=False,
        do_resize=False,
        return_tensors="pt",
    )
    output = policy.model.generate(
        **inputs, do_sample=False, max_new_tokens=CONDITIONS.max_answer_tokens
    )
    new = output[0, inputs["input_ids"].shape[1] :]
    return str(policy.processor.tokenizer.decode(new, skip_special_tokens=True))


_KNOWN = {"total_num_frames", "fps", "frames_indices", "duration"}
