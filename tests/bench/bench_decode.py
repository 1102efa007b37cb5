"""The 48 chosen frames of a video: ours against PyAV, torchcodec and decord used directly, one
thread each.

Every reader lives in a process of its own and returns the same frames at the same size; how far
they are from ours is printed, so that nobody wins by returning others. Finding out which frames to
read is part of our time and not of theirs. Processor time, because other work on the machine does
not count in it. torchcodec needs FFmpeg's libraries: it is lent those that come with PyAV, so both
decode with the same code.
"""

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tasks.video.decode import FrameChoice, decode_video
from tasks.video.encode import ffmpeg_binary
from tasks.video.frames import Frames
from tasks.video.probe import probe
from tasks.video.timeline import choose_frames
from tests.helpers.videos import SHARED_VIDEOS

ROUNDS = int(os.environ.get("ROUNDS", "3"))
LONG_MINUTES = int(os.environ.get("LONG_MINUTES", "20"))
SAME_FRAME = 8.0
"""Grey levels by which two ways of scaling one fine-grained picture may differ; another picture
differs more."""
CHOICE = FrameChoice(
    num_frames=48,
    edge_share=0.05,
    min_area_px=128 * 128,
    max_area_px=256 * 256,
    max_damaged_share=0.02,
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The frames to return."""

    path: Path
    indices: tuple[int, ...]
    stamps: tuple[int, ...]
    """The same as time stamps of the stream."""
    width: int
    height: int


def ours(wanted: Wanted) -> Frames:
    return decode_video(wanted.path, CHOICE).frames


def pyav_in_one_pass(wanted: Wanted) -> Frames:
    import av

    stamps = set(wanted.stamps)
    with av.open(str(wanted.path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        found: list[Frames] = []
        for frame in container.decode(stream):
            if frame.pts in stamps:
                found.append(_scaled(frame, wanted))
            if len(found) == len(stamps):
                break
    return np.stack(found)


def pyav_with_seeks(wanted: Wanted) -> Frames:
    import av

    found: list[Frames] = []
    with av.open(str(wanted.path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for stamp in wanted.stamps:
            container.seek(stamp, stream=stream)
            found.append(
                next(
                    _scaled(frame, wanted)
                    for frame in container.decode(stream)
                    if frame.pts >= stamp
                )
            )
    return np.stack(found)


def torchcodec_exact(wanted: Wanted) -> Frames:
    return _torchcodec(wanted, "exact")


def torchcodec_approximate(wanted: Wanted) -> Frames:
    return _torchcodec(wanted, "approximate")


def decord_batch(wanted: Wanted) -> Frames:
    import decord

    reader = decord.VideoReader(
        str(wanted.path), num_threads=1, width=wanted.width, height=wanted.height
    )
    return np.asarray(reader.get_batch(list(wanted.indices)).asnumpy())


READERS: dict[str, Callable[[Wanted], Frames]] = {
    "ours": ours,
    "PyAV, one pass": pyav_in_one_pass,
    "PyAV, seeks": pyav_with_seeks,
    "torchcodec, exact": torchcodec_exact,
    "torchcodec, approximate": torchcodec_approximate,
    "decord": decord_batch,
}


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the real clips")
def test_short_clips(tmp_path: Path) -> None:
    # Of the clip with two streams the readers would choose different ones.
    clips = [
        path for path in sorted(SHARED_VIDEOS.iterdir()) if path.is_file() and path.suffix != ".md"
    ]
    readers = [name for name in READERS if name != "PyAV, seeks"]
    _compare([clip for clip in clips if not clip.name.startswith("webb")], readers, tmp_path)


def test_a_long_film(tmp_path: Path) -> None:
    _compare(
        [_long_film(tmp_path)], [name for name in READERS if name != "PyAV, one pass"], tmp_path
    )


@dataclass(kw_only=True)
class _Result:
    """What one reader made of one file."""

    seconds: list[float]
    apart: float
    """Largest mean difference of a frame from ours, in grey levels of 255."""


def _compare(paths: Sequence[Path], readers: Sequence[str], folder: Path) -> None:
    results: dict[tuple[str, Path], _Result] = {}
    errors: dict[tuple[str, Path], str] = {}
    peaks: dict[str, float] = {}
    with _workers(readers, folder) as pools:
        for path in paths:
            wanted, expected = _wanted(path)
            for number in range(ROUNDS):
                for name in _turn(readers, number):
                    answer = pools[name].submit(_timed, name, wanted).result()
                    if isinstance(answer, str):
                        errors[name, path] = answer
                        continue
                    spent, frames, peaks[name] = answer
                    apart = float(np.abs(frames.astype(int) - expected).mean(axis=(1, 2, 3)).max())
                    results.setdefault(
                        (name, path), _Result(seconds=[], apart=apart)
                    ).seconds.append(spent)
    good = {
        key: statistics.median(result.seconds)
        for key, result in results.items()
        if result.apart <= SAME_FRAME
    }
    print(
        "\n| reader | our speed, its = 1, on files of which it gives these frames | files | other "
        "frames ",
        end="",
    )
    print("| failed | farthest same frame | peak MB |\n|---|---|---|---|---|---|---|")
    for name in readers:
        print(
            f"| {name} | {_row(name, paths, results, errors, good)} | "
            f"{peaks.get(name, float('nan')):.0f} |"
        )
    _print_files(paths, readers, good)


def _row(
    name: str,
    paths: Sequence[Path],
    results: dict[tuple[str, Path], _Result],
    errors: dict[tuple[str, Path], str],
    good: dict[tuple[str, Path], float],
) -> str:
    failed = [errors[name, path] for path in paths if (name, path) in errors]
    if len(failed) == len(paths):
        return f"absent: {failed[0][:60]} | | | | "
    read = [path for path in paths if (name, path) in good]
    ratio = sum(good[name, path] for path in read) / sum(good["ours", path] for path in read)
    apart = max(results[name, path].apart for path in read)
    others = sum((name, path) in results for path in paths) - len(read)
    return f"{ratio:.2f} | {len(read)} | {others} | {len(failed)} | {apart:.1f}"


def _print_files(
    paths: Sequence[Path], readers: Sequence[str], good: dict[tuple[str, Path], float]
) -> None:
    print(
        "\n| file | ours, ms | fastest other with these frames | its ms | our speed, its = 1 "
        "|\n|---|---|---|---|---|"
    )
    ratios, total = [], 0.0
    for path in paths:
        others = {
            name: good[name, path] for name in readers if name != "ours" and (name, path) in good
        }
        best = min(others, key=lambda name: others[name])
        ratios.append(others[best] / good["ours", path])
        total += others[best]
        print(
            f"| {path.name} | {good['ours', path] * 1e3:.0f} | {best} | {others[best] * 1e3:.0f} "
            f"| {ratios[-1]:.2f} |"
        )
    print(
        "\nour speed against the fastest other of each file: median "
        f"{statistics.median(ratios):.2f}, ",
        end="",
    )
    print(f"{min(ratios):.2f} to {max(ratios):.2f}; ", end="")
    print(f"all files: {total / sum(good['ours', path] for path in paths):.2f}")


def _turn(names: Sequence[str], number: int) -> list[str]:
    """Another order each round, so that no reader always comes after the same one."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def _wanted(path: Path) -> tuple[Wanted, Frames]:
    promise, footage = probe(path), decode_video(path, CHOICE)
    indices = choose_frames(
        promise.times_seconds, num_frames=CHOICE.num_frames, edge_share=CHOICE.edge_share
    )
    _, height, width, _ = footage.frames.shape
    stamps = tuple(promise.shown_stamps[index] for index in indices)
    return Wanted(
        path=path, indices=indices, stamps=stamps, width=width, height=height
    ), footage.frames


def _timed(name: str, wanted: Wanted) -> tuple[float, Frames, float] | str:
    """Seconds of processor time, frames, and the peak memory of the process in MB; or what went
    wrong."""
    try:
        start = time.process_time()
        frames = READERS[name](wanted)
        return time.process_time() - start, frames, _peak_mb()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _peak_mb() -> float:
    """Of this program: `getrusage` would count what the parent held when it forked."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def _scaled(frame: "av.VideoFrame", wanted: Wanted) -> Frames:  # type: ignore[name-defined]  # noqa: F821
    from av.video.reformatter import Interpolation

    small = frame.reformat(
        wanted.width, wanted.height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
    )
    return np.asarray(small.to_ndarray())


def _torchcodec(wanted: Wanted, mode: str) -> Frames:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    decoder = VideoDecoder(
        wanted.path, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode=mode,
        transforms=[Resize((wanted.height, wanted.width))], stream_index=None,
    )  # fmt: skip
    return np.asarray(decoder.get_frames_at(list(wanted.indices)).data.numpy())


@contextmanager
def _workers(readers: Sequence[str], folder: Path) -> Iterator[dict[str, ProcessPoolExecutor]]:
    """A process for each reader; started with FFmpeg's libraries where the dynamic linker looks."""
    before = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = _library_path(folder)
    pools = {name: ProcessPoolExecutor(1, mp_context=get_context("spawn")) for name in readers}
    try:
        for name, pool in pools.items():
            pool.submit(_warm_up, name).result()
        yield pools
    finally:
        for pool in pools.values():
            pool.shutdown()
        os.environ.pop("LD_LIBRARY_PATH")
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before


def _warm_up(name: str) -> None:
    """Imports are not part of the time."""
    missing = Wanted(path=Path("/nowhere"), indices=(), stamps=(), width=1, height=1)
    _timed(name, missing)


def _library_path(folder: Path) -> str:
    """PyAV's libraries under the names that others ask for, and the folders of what those need."""
    import av

    packages = Path(av.__file__).parents[1]
    links = folder / "ffmpeg-libraries"
    links.mkdir(exist_ok=True)
    for library in (packages / "av.libs").glob("lib*.so.*"):
        name = re.match(r"(lib(?:av|sw)[a-z]+)-\w+\.so\.(\d+)", library.name)
        if name and not (links / f"{name[1]}.so.{name[2]}").exists():
            (links / f"{name[1]}.so.{name[2]}").symlink_to(library)
    needed = [links, packages / "av.libs", *(packages / "nvidia").glob("*/lib")]
    return ":".join([*map(str, needed), os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(":")


def _long_film(folder: Path) -> Path:
    """1080p, 20 frames a second, a key frame every 250; one minute encoded and repeated."""
    minute, film = folder / "minute.mp4", folder / "film.mp4"
    encoding = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "250",
        "-pix_fmt",
        "yuv420p",
        "-threads",
        "2",
    ]
    source = ["-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=20:d=60"]
    command = [ffmpeg_binary(), "-loglevel", "error", "-y"]
    subprocess.run([*command, *source, *encoding, str(minute)], check=True)
    repeat = ["-stream_loop", str(LONG_MINUTES - 1), "-i", str(minute), "-c", "copy"]
    subprocess.run([*command, *repeat, str(film)], check=True)
    return film
