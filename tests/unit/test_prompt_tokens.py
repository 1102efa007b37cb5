"""What is counted of a benchmark's prompts before anything is decoded, against numbers by hand and
against what is shown."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tasks.benchmarks.adapter import make_sample
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.prompt_tokens import (
    MOST_OPENED,
    count_prompt_tokens,
    showing_of,
    unreadable_of,
)
from tasks.benchmarks.questions import check_room, check_shown, list_benchmark
from tasks.benchmarks.records import BenchmarkFolder, PromptTokens
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.config import RolloutConfig, VllmConfig
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import BenchmarkFacts, Sample, Split, VideoFile
from tasks.perturb.viubench import plan_viubench
from tasks.rollout.videos import BenchmarkVideos
from tasks.video.frames import vision_tokens
from tasks.video.official import count_tokens, show_file
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.questions import SMALL, make_benchmark
from tests.helpers.videos import write_pattern, write_video

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames (2 s) and 60 frames (3 s) of 96x64, one of them in two containers, and no video."""
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "short.mp4", num_frames=40)
    write_video(root / "long.mp4", num_frames=60)
    write_pattern(root / "pattern.mkv", seconds=5.3)
    write_pattern(root / "turned.mp4", size="64x320", seconds=5.3)
    (root / "broken.mp4").write_bytes(b"no video")
    return root


def _folder(root: Path) -> BenchmarkFolder:
    return BenchmarkFolder("mine", str(root), SMALL, "universal")


def _count(folder: BenchmarkFolder, samples: list[Sample]) -> PromptTokens:
    return count_prompt_tokens(Store(f"{folder.folder}/root"), folder, samples)


def _question(name: str, *files: VideoFile, question: str = "What?") -> Sample:
    return make_sample(
        "universal",
        name,
        kind="choice",
        files=[(f"video {number}", file) for number, file in enumerate(files)],
        question=question,
        answer="A",
        facts=BenchmarkFacts(),
    )


SHORT, LONG = VideoFile(paths=("short.mp4",)), VideoFile(paths=("long.mp4",))
_SHORT_TOKENS = 2 * 5 * 4
"""2 s at 2 a second: 4 frames, two pairs; 96x64 grown to at least 128*128 pixels: 160x128."""
_LONG_TOKENS = 3 * 5 * 4
"""3 s: 6 frames."""


def test_a_pair_of_frames_takes_a_place_for_32_by_32_pixels() -> None:
    assert vision_tokens(48, 512, 512) == 24 * 16 * 16
    assert vision_tokens(3, 64, 96) == 2 * 2 * 3, "the last of three counts twice"


def test_vision_tokens_of_a_benchmark_by_hand(videos: Path) -> None:
    questions = [
        _question("1", SHORT),
        _question("2", SHORT),
        _question("3", SHORT, LONG),
        _question("4", VideoFile(paths=(), missing="no video")),
    ]
    found = _count(_folder(videos), questions)
    assert found == PromptTokens(
        vision=3 * _SHORT_TOKENS + _LONG_TOKENS,
        text=4 * 2,
        num_videos=2,
        num_opened=2,
        by_video={"short.mp4": _SHORT_TOKENS, "long.mp4": _LONG_TOKENS},
    )


def test_four_bytes_of_the_prompts_text_are_a_token(videos: Path) -> None:
    plain = _question("1", SHORT, question="Is it a dog?")
    chinese = _question("2", SHORT, question="这是狗吗?")
    assert plain.benchmark
    led = replace(plain, benchmark=replace(plain.benchmark, system_prompt="Be brief."))
    for question, tokens in ((plain, 3), (chinese, 4), (led, 6)):
        assert _count(_folder(videos), [question]).text == tokens


@pytest.mark.parametrize(
    "file",
    [
        VideoFile(paths=("short.mp4",)),
        VideoFile(paths=("long.mp4",), start_seconds=0.7, stop_seconds=2.6),
        VideoFile(paths=("pattern.mkv",)),
        VideoFile(paths=("pattern.mkv",), start_seconds=2.0),
        VideoFile(paths=("turned.mp4",)),
    ],
    ids=["mp4", "part", "mkv", "end of mkv", "upright"],
)
@pytest.mark.parametrize("conditions", [SMALL, Conditions()], ids=["small", "paper"])
def test_a_header_says_how_many_tokens_are_shown(
    videos: Path, file: VideoFile, conditions: Conditions
) -> None:
    showing = showing_of(conditions)
    assert count_tokens(videos, file, showing) == show_file(videos, file, showing).num_tokens


def test_pictures_are_counted_as_they_are_shown(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(5)]
    for name in names:
        Image.new("RGB", (200, 120)).save(tmp_path / name)
    file, showing = VideoFile(paths=tuple(names), is_frames=True, fps=2.0), showing_of(Conditions())
    # 200x120 to multiples of 64: 192x128; five pictures are three pairs.
    assert count_tokens(tmp_path, file, showing) == 3 * 6 * 4
    assert show_file(tmp_path, file, showing).num_tokens == 3 * 6 * 4


def test_of_many_videos_some_stand_for_all(tmp_path: Path) -> None:
    write_video(tmp_path / "0.mp4", num_frames=40)
    number = MOST_OPENED + 36
    for copy in range(1, number):
        shutil.copy(tmp_path / "0.mp4", tmp_path / f"{copy}.mp4")
    questions = [_question(f"{n}", VideoFile(paths=(f"{n}.mp4",))) for n in range(number)]
    found = _count(_folder(tmp_path), questions)
    assert (found.num_opened, found.num_videos) == (MOST_OPENED, number)
    assert found.vision == number * _SHORT_TOKENS
    assert _count(_folder(tmp_path), questions[::-1]) == found


def test_a_file_that_cannot_be_opened_is_named_and_counts_as_nothing(videos: Path) -> None:
    broken = VideoFile(paths=("broken.mp4",))
    questions = [_question("1", SHORT), _question("2", broken), _question("3", LONG, broken)]
    found = _count(_folder(videos), questions)
    assert found.vision == _SHORT_TOKENS + _LONG_TOKENS
    assert list(found.unreadable) == ["broken.mp4"]
    assert "not a video" in found.unreadable["broken.mp4"]
    assert [bool(unreadable_of(question, found)) for question in questions] == [False, True, True]


def test_a_part_beyond_the_end_says_nothing_of_the_other_parts(videos: Path) -> None:
    beyond = replace(SHORT, start_seconds=7.0, stop_seconds=9.0)
    questions = [_question("1", SHORT), _question("2", beyond)]
    found = _count(_folder(videos), questions)
    assert [bool(unreadable_of(question, found)) for question in questions] == [False, True]


def test_a_viubench_built_here_knows_its_frames(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clips = [store_clip(store, make_clip(name, split=Split.HELDOUT, side_px=64)) for name in "ab"]
    lost = make_clip("c", split=Split.HELDOUT, side_px=64)
    items = plan_viubench([*clips, lost], 1, seed=0)
    by_id = {clip.clip_id: clip for clip in (*clips, lost)}
    built = keep_benchmark(store, items, by_id, 1, 0)
    folder = BenchmarkFolder("mine", store.path(built.key), Conditions(), "viubench")
    samples = list(BENCHMARKS["viubench"].open(Path(folder.folder)).samples())
    whole = [s for s in samples if all(view.clip_id != lost.clip_id for view in s.views)]
    videos = BenchmarkVideos(store, folder)
    shown = sum(video.num_tokens for sample in whole for video in videos.show(sample))
    assert 0 < len(whole) < len(samples)
    assert _count(folder, whole).vision == shown
    pairs = [-(-(view.stop_frame - view.start_frame) // 2) for s in whole for view in s.views]
    assert shown == sum(pairs) * 2 * 2, "64x64 pixels are 2x2 places"
    unreadable = _count(folder, samples).unreadable
    assert unreadable
    assert all(lost.clip_id in name for name in unreadable)


def test_what_cannot_be_opened_is_said_and_refused_before_training(
    tmp_path: Path, data_root: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_benchmark(tmp_path, num_videos=3)
    (tmp_path / "videos/v1.mp4").write_bytes(b"cut off")
    asked = list_benchmark(Store(data_root), folder, 100)
    assert "universal: 1 of 3 videos in" in caplog.text
    check_shown(Store(data_root), [asked], 0.6)
    with pytest.raises(InputError, match=r"universal: 4 of 12 questions cannot be shown, e\.g\."):
        check_shown(Store(data_root), [asked], 0.98)


def test_prompts_that_leave_no_room_for_an_answer_are_refused_before_training(
    data_root: str, tmp_path: Path
) -> None:
    store = Store(data_root)
    asked = list_benchmark(store, make_benchmark(tmp_path, num_videos=2), 100)
    prompts = sorted(tokens + 20 for tokens in asked.tokens.by_video.values())
    assert len(prompts) == 2
    roomy, tight = (
        RolloutConfig(engine="vllm", vllm=VllmConfig(max_model_tokens=most))
        for most in (1000, prompts[0] - 15)
    )
    check_room(store, [asked], roomy, 0.98)
    with pytest.raises(InputError, match=r"8 of 8 prompts .* leave no room.*max_model_tokens"):
        check_room(store, [asked], tight, 0.98)
    check_room(store, [asked], tight, 0.0)
    check_room(store, [asked], replace(tight, engine="transformers"), 0.98)
