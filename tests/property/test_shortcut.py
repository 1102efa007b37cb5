"""A frame got by seeking or with others skipped equals the one from decoding everything from the
start."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tasks.video.decode import Footage, FrameChoice, decode_video
from tasks.video.display import Display
from tasks.video.encode import ffmpeg_binary
from tasks.video.errors import VideoError
from tasks.video.probe import probe
from tasks.video.resize import Resizer
from tasks.video.shortcut import plan_reading, take_shortcut
from tests.helpers.videos import SHARED_VIDEOS

_X264 = "-c:v libx264 -preset veryfast -x264-params"
_GAPS = "not(eq(mod(n\\,7)\\,3))*not(between(n\\,80\\,130))"
_VFR = "setpts='PTS+mod(N\\,3)*100' -fps_mode vfr"
STREAMS = {
    "closed.mp4": f"{_X264} keyint=25:bframes=3",
    "open.mp4": f"{_X264} keyint=25:open-gop=1:bframes=5:b-pyramid=normal:scenecut=0",
    "open.mkv": f"{_X264} keyint=25:open-gop=1:bframes=5:b-pyramid=normal:scenecut=0",
    "open.ts": f"{_X264} keyint=25:open-gop=1:bframes=5:b-pyramid=normal:scenecut=0",
    "long.mp4": f"{_X264} keyint=250:bframes=8:b-adapt=2:ref=8:b-pyramid=strict",
    "no-key-frames.ts": f"{_X264} keyint=25:intra-refresh=1:bframes=0",
    "fields.mp4": f"{_X264} keyint=30:bframes=3 -flags +ildct+ilme",
    "fragments.mp4": f"{_X264} keyint=25:bframes=3 -movflags frag_keyframe+empty_moov",
    "gaps.mp4": f"-vf select='{_GAPS}',{_VFR} {_X264} keyint=20:open-gop=1:bframes=3",
    "hidden.webm": "-c:v libvpx -b:v 300k -g 40 -auto-alt-ref 1 -lag-in-frames 16 -deadline good "
    "-cpu-used 5",
    "hidden9.webm": "-c:v libvpx-vp9 -b:v 300k -g 40 -auto-alt-ref 1 -lag-in-frames 16 -deadline "
    "realtime -cpu-used 8",
    "mpeg2.ts": "-c:v mpeg2video -g 15 -bf 2 -q:v 4",
    "mpeg4.avi": "-c:v mpeg4 -g 30 -bf 2 -q:v 4",
    "pictures.mov": "-c:v mjpeg -q:v 4",
}
FEW, MANY = 3, 45
"""The few are among the many where frames come evenly: both lie in the middle of equal parts."""
SHARED = sorted(
    path for path in SHARED_VIDEOS.rglob("*") if path.is_file() and path.suffix != ".md"
)


def choice_of(num_frames: int) -> FrameChoice:
    """Few frames make seeks worth while, many do not."""
    return FrameChoice(
        num_frames=num_frames,
        edge_share=0.05,
        min_area_px=1024,
        max_area_px=96 * 64,
        max_damaged_share=0.02,
    )


def times(footage: Footage) -> tuple[float, ...]:
    """Seconds from the start of the file, to the microsecond."""
    return tuple(
        round(footage.start_seconds + seconds, 6) for seconds in footage.timestamps_seconds
    )


def assert_no_shortcut_shows(
    path: Path, num_frames: int, num_threads: int = 1, plain: Footage | None = None
) -> None:
    """`plain` may have more frames; it spares decoding everything once more if those that are
    wanted are among them."""
    quick = decode_video(path, choice_of(num_frames), num_threads=num_threads)
    if plain is None or not set(times(quick)) <= set(times(plain)):
        plain = decode_video(path, choice_of(num_frames), may_skip=False)
        assert quick.timestamps_seconds == plain.timestamps_seconds
    chosen = [times(plain).index(seconds) for seconds in times(quick)]
    assert (quick.duration_seconds, quick.source_fps) == (plain.duration_seconds, plain.source_fps)
    assert np.array_equal(quick.frames, plain.frames[chosen])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    for name, options in STREAMS.items():
        source = "-f lavfi -i testsrc2=s=160x96:r=25:d=10"
        command = [
            ffmpeg_binary(),
            "-loglevel",
            "error",
            *source.split(),
            *options.split(),
            str(folder / name),
        ]
        subprocess.run(command, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_any_group_of_pictures(made: Path, name: str) -> None:
    assert_no_shortcut_shows(made / name, 3)
    assert_no_shortcut_shows(made / name, 32)
    assert_no_shortcut_shows(made / name, 3, num_threads=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["closed.mp4", "open.mp4", "open.mkv", "open.ts", "hidden.webm", "mpeg2.ts"]
)
def test_these_are_read_by_seeking(made: Path, name: str) -> None:
    promise = probe(made / name)
    assert promise.packets is not None
    assert len(plan_reading(promise.packets, [60, 200])) == 2
    resizer = Resizer(display=Display(), min_area_px=1024, max_area_px=96 * 64)
    shortcut = take_shortcut(made / name, promise, [60, 200], resizer, num_threads=1)
    assert shortcut.frames is not None
    assert shortcut.warnings == ()


@pytest.mark.skipif(not SHARED, reason="needs the shared videos")
@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.name)
@pytest.mark.slow
def test_real_and_odd_videos(path: Path) -> None:
    try:
        plain = decode_video(path, choice_of(MANY), may_skip=False)
    except VideoError as expected:
        with pytest.raises(VideoError) as caught:
            decode_video(path, choice_of(MANY))
        assert str(caught.value) == str(expected)
        return
    assert_no_shortcut_shows(path, FEW, plain=plain)
    assert_no_shortcut_shows(path, MANY, plain=plain)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED, reason="needs the shared videos")
def test_a_file_that_decodes_to_rubbish_after_a_seek_is_read_from_the_start() -> None:
    path = SHARED_VIDEOS / "odd" / "h264-444-bad-after-seek.mp4"
    footage = decode_video(path, choice_of(2))
    assert any("after a seek differ" in warning for warning in footage.warnings)
    assert np.array_equal(footage.frames, decode_video(path, choice_of(2), may_skip=False).frames)
