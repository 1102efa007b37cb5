"""Every reader takes time in proportion to the text: eight times as much for eight times as much,
whatever is in it.

Measured is the time that this process spent on a processor, and only its growth counts: no clock on
the wall decides.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rewards.answers import AnswerKind
from rewards.parse import parse_answer
from rewards.schema import read_schema, score
from rewards.spoken import spoken
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.exchange.row import Row, RowError, VideoFiles, question_of
from tasks.exchange.sample import sample_of
from tests.helpers.benchmark_folders import FOLDERS

pytestmark = pytest.mark.slow
Reader = Callable[[str], object]

_SHAPES = (
    "<think>",
    "</think><answer>",
    "\\boxed{",
    "1",
    "1.",
    "1 - ",
    "2, 1\n",
    "- ",
    "\u00a0",
    "\n",
    "(",
    "A or ",
    "not A, is ",
    '"answer":"',
    "from ",
    "1:00 to ",
    "<video>",
    "1,",
    "1 min 1 ",
    "1:00,",
    "Step 1: ",
    "1. Clip ",
)
_SIZES = (15_625, 125_000, 1_000_000)
_MOST_GROWTH = 24.0
"""From one size to the next: 8 is linear, 64 quadratic."""
_COUNTS_FROM_SECONDS = 0.3
"""Less says nothing about growth."""
_SCHEMA = "when:interval*0.5,order:permutation*0.25,why:text*0.25"


def _benchmark_readers(root: Path) -> dict[str, Reader]:
    """One for each reader and kind of question."""
    found: dict[object, tuple[str, Reader]] = {}
    for name, (write, _) in FOLDERS.items():
        (root / name).mkdir()
        write(root / name)
        benchmark = BENCHMARKS[name].open(root / name)
        for sample in benchmark.samples():
            reader = benchmark.adapter.read, sample.answer_kind
            found.setdefault(
                reader,
                (f"{name}, {sample.answer_kind}", lambda t, b=benchmark, s=sample: b.judge(s, t)),
            )
    return dict(found.values())


def _other_readers() -> dict[str, Reader]:
    found: dict[str, Reader] = {
        "spoken": spoken,
        "question of a row": question_of,
        "imported answer": _imported,
    }
    for kind in AnswerKind:
        found[f"official {kind}"] = lambda text, kind=kind: parse_answer(text, kind)
    schema, truth = read_schema(_SCHEMA), "1.0-2.0; 21; it rains"
    found["record"] = lambda text: score(text, truth, schema)
    return found


def _imported(text: str) -> object:
    try:
        return sample_of(
            Row(videos=(VideoFiles(paths=("v",), is_frames=False),), question="?", answer=text),
            [],
            "",
            "x",
        )
    except RowError:
        return None


def _seconds(read: Reader, text: str, times: int) -> float:
    """The least of a few."""
    found = []
    for _ in range(times):
        started = time.thread_time()
        read(text)
        found.append(time.thread_time() - started)
    return min(found)


def test_all_readers_are_linear(tmp_path: Path) -> None:
    for name, read in (_benchmark_readers(tmp_path) | _other_readers()).items():
        for shape in _SHAPES:
            before = 0.0
            for size in _SIZES:
                text = (shape * (size // len(shape) + 1))[:size]
                now = _seconds(read, text, times=1)
                if now > max(_COUNTS_FROM_SECONDS, _MOST_GROWTH * before):
                    smaller = text[: size // 8]
                    now, before = _seconds(read, text, times=3), _seconds(read, smaller, times=3)
                    assert now < max(_COUNTS_FROM_SECONDS, _MOST_GROWTH * before), (
                        f"{name}: {shape!r} x {size}"
                    )
                before = now
