"""Under which conditions a benchmark is run: the paper's as default, every deviation said."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from tasks.benchmarks.wording import WORDING, Words
from tasks.core.checks import COUNT, POSITIVE, at_least, check

PAPER_FRAMES = (32, 48, 64)
"""The paper reports each of these."""
LETTER_LINE = "Answer with the option letter directly."
"""The line after every multiple-choice question in the paper."""
MIN_AREA_PX, MAX_AREA_PX = 128 * 128, 512 * 512


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a benchmark is shown and answered (arXiv 2511.06281). Subtitles are never shown, nothing
    is asked twice."""

    fps: float = 2.0
    max_frames: int = 48
    """Of each video, if a question has several."""
    min_area_px: int = MIN_AREA_PX
    max_area_px: int = MAX_AREA_PX
    """Of a frame."""
    temperature: float = 0.0
    """0 means greedy."""
    max_answer_tokens: int = 128
    wording: str = ""
    """A user's own text around a question, with {question} where it goes (with its options, if it
    has any); {query} and {goal} mean the same. Empty: the benchmark's usual words."""

    def __post_init__(self) -> None:
        check(self, POSITIVE, "fps")
        check(self, at_least(2), "max_frames")
        check(self, at_least(0), "temperature")
        check(self, COUNT, "min_area_px", "max_answer_tokens")
        check(self, at_least(self.min_area_px, "min_area_px"), "max_area_px")
        check(self, at_least(32 * 32), "max_area_px")  # sides are multiples of 32
        check(self, WORDING, "wording")


def deviations(
    own: Conditions, paper: Conditions, words: Words, frames: tuple[int, ...] = PAPER_FRAMES
) -> tuple[str, ...]:
    """Where `own` differs from `paper`, as sentences for the result; each number of `frames` is the
    paper's."""
    return tuple(_deviations(own, paper, words, frames))


def _deviations(
    own: Conditions, paper: Conditions, words: Words, frames: tuple[int, ...]
) -> Iterator[str]:
    for field in fields(Conditions):
        value, usual = getattr(own, field.name), getattr(paper, field.name)
        if field.name == "max_frames":
            if value not in frames:
                yield f"max_frames: {value} (paper: {', '.join(map(str, frames))})"
        elif field.name == "wording":
            if value and not words.are_papers(value):
                yield f"wording: {value!r} (usual: {words.usual!r})"
        elif value != usual:
            yield f"{field.name}: {value!r} (paper: {usual!r})"
