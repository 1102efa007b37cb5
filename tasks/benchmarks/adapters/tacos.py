"""TACoS, test: 4,001 queries on 25 kitchen videos of many minutes (TALL split).

So few videos make the interval of the score wide, however many queries there are.

Forms that are read: one object a video, as `test.json` of the TALL split, with windows in frames;
one row a query, as JSON lines, with windows in seconds. Videos lie in `videos/` or at the top,
under either of their two names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.benchmarks.adapter import BenchmarkSource
from tasks.benchmarks.annotations import find_file, is_list_file, read_nested, read_rows_of
from tasks.benchmarks.grounding import grounding_adapter, grounding_sample
from tasks.benchmarks.lookup import stem_of
from tasks.benchmarks.spans import Window, window_of
from tasks.core.types import Sample, VideoFile

_FILES = ("test.json", "test.jsonl", "tacos_test.jsonl")
_CAMERA = "-cam-002"
"""At the end of the names that the videos were published under."""


@dataclass(frozen=True, kw_only=True)
class _ByVideo:
    """The TALL split: windows in frames."""

    timestamps: list[tuple[float, float]]
    sentences: list[str | list[str]]
    """A list holds paraphrases, each a query of its own."""
    fps: float
    num_frames: float


@dataclass(frozen=True, kw_only=True)
class _ByQuery:
    """Another export: windows in seconds."""

    vid: str
    query: str
    relevant_windows: list[tuple[float, float]]


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    path = find_file(source.root, *_FILES)
    found: dict[str, VideoFile] = {}
    for number, (video, window, query) in enumerate(
        _by_query(path) if is_list_file(path) else _by_video(path)
    ):
        # Looked up once: 4,001 queries are about 25 videos.
        if video not in found:
            found[video] = _video(source, video)
        yield grounding_sample(
            "tacos",
            number,
            file=(video, found[video]),
            query=query,
            windows=[window],
            conditions=source.conditions,
        )


_Query = tuple[str, Window, str]


def _by_video(path: Path) -> Iterator[_Query]:
    for where, row in read_nested(path, _ByVideo):
        if len(row.timestamps) != len(row.sentences):
            raise where.error(
                "sentences", f"{len(row.sentences)} for {len(row.timestamps)} timestamps"
            )
        if not row.fps > 0:
            raise where.error("fps", f"got {row.fps}, expected a number above 0")
        for (first, last), told in zip(row.timestamps, row.sentences, strict=True):
            window = window_of(*(min(frame, row.num_frames) / row.fps for frame in (first, last)))
            for sentence in [told] if isinstance(told, str) else told:
                yield str(where.row), window, sentence


def _by_query(path: Path) -> Iterator[_Query]:
    for where, row in read_rows_of(path, _ByQuery):
        if len(row.relevant_windows) != 1:
            raise where.error(
                "relevant_windows", f"{len(row.relevant_windows)} windows, expected one"
            )
        yield row.vid, window_of(*row.relevant_windows[0]), row.query


def _video(source: BenchmarkSource, name: str) -> VideoFile:
    """Under the published name, else the plain one."""
    return source.videos.find(f"{stem_of(name)}{_CAMERA}", ("videos",), also=(name,))


TACOS = grounding_adapter("tacos", _load, 4001)
