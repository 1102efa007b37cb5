"""Charades-STA, test: 3,720 queries on indoor clips of about 30 s (jiyanggao/TALL).

552 windows end after their clip does. They are left as they are, as in the official text file.

Forms that are read: the authors' `charades_sta_test.txt` ("VIDEO START END##SENTENCE", TALL's
README), and rows of `video`, `timestamp` and `caption`: the hub's `data/test-*.parquet`
(lmms-eval/charades_sta), or JSON; and one object a video with `timestamps` and `sentences`
(www-Ye/Time-R1 dataset/charades-sta/charades_test.json). Videos lie in `Charades_v1_480/`
(lmms_eval/tasks/charades_sta/utils.py), in full size in `Charades_v1/`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.benchmarks.adapter import BenchmarkSource
from tasks.benchmarks.annotations import (
    Where,
    find_parts,
    is_list_file,
    read_nested,
    read_rows_of,
    read_text,
)
from tasks.benchmarks.grounding import grounding_adapter, grounding_sample
from tasks.benchmarks.spans import window_of
from tasks.core.types import Sample

_LINE = re.compile(r"(\S+) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)##(.*\S.*)")
_FILES = (
    "charades_sta_test.txt",
    "charades_sta_test.json",
    "charades_sta_test.jsonl",
    "charades_test.json",
    "data/test-*.parquet",
    "test-*.parquet",
    "charades_sta_test.parquet",
)
_SMALL, _FULL = "Charades_v1_480", "Charades_v1"
"""The same videos in two sizes."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    video: str
    timestamp: tuple[float, float] | str
    caption: str


@dataclass(frozen=True, kw_only=True)
class _ByVideo:
    timestamps: list[tuple[float, float]]
    sentences: list[str]


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    paths = find_parts(source.root, *_FILES)
    for where, video, (start, end), query in _queries(paths):
        yield grounding_sample(
            "charades_sta",
            where.row,
            file=(video, source.videos.find(video, (_FULL, "videos"), better=(_SMALL,))),
            query=query,
            windows=[window_of(start, end)],
            conditions=source.conditions,
        )


_Query = tuple[Where, str, tuple[float, float], str]


def _queries(paths: Sequence[Path]) -> Iterator[_Query]:
    if paths[0].suffix.lower() == ".txt":
        return _lines(paths[0])
    return _records(paths) if is_list_file(paths[0]) else _by_video(paths[0])


def _lines(path: Path) -> Iterator[_Query]:
    for number, line in enumerate(line for line in read_text(path).split("\n") if line.strip()):
        found, where = _LINE.fullmatch(line.strip()), Where(path, number)
        if found is None:
            raise where.error(
                "line",
                f"got {line!r:.80}, expected VIDEO START END##SENTENCE; is the file cut off?",
            )
        yield where, found[1], (float(found[2]), float(found[3])), found[4]


def _records(paths: Sequence[Path]) -> Iterator[_Query]:
    for where, row in read_rows_of(paths, _Row):
        times = row.timestamp
        if isinstance(times, str):
            times = _pair(where, times)
        yield where, row.video, times, row.caption


def _by_video(path: Path) -> Iterator[_Query]:
    for where, row in read_nested(path, _ByVideo):
        if len(row.timestamps) != len(row.sentences):
            raise where.error(
                "sentences", f"{len(row.sentences)} for {len(row.timestamps)} timestamps"
            )
        for number, (times, sentence) in enumerate(zip(row.timestamps, row.sentences, strict=True)):
            yield Where(path, f"{where.row}-{number}"), str(where.row), times, sentence


def _pair(where: Where, text: str) -> tuple[float, float]:
    try:
        start, end = ast.literal_eval(text)
        return float(start), float(end)
    except (ValueError, SyntaxError, TypeError) as error:
        raise where.error("timestamp", f"got {text!r:.80}, expected [start, end]") from error


CHARADES_STA = grounding_adapter(
    "charades_sta", _load, 3720, choices=("windows that end after their clip: left as they are",)
)
