"""The paper's own scores (arXiv 2511.06281, tables 1 to 3), for the rows that one's own model
stands beside."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.core.statistics import Estimate

BASELINE, TRAINED = "Qwen3-VL-8B-Instruct", "VideoSSR-8B"
"""What the paper starts from, and what it gets."""
_LEAST_POINTS = 1.0


@dataclass(frozen=True, kw_only=True)
class PaperScore:
    """One model of the paper on one benchmark, and how far one's own score is from it, in points (0
    to 100)."""

    model: str
    frames: int
    score: float
    difference: float
    """Own minus paper."""
    differs: bool
    """By more than a point, and it lies outside the 95 % interval of the own score; never without
    an interval."""


def beside_paper(benchmark: str, max_frames: int, own: Estimate) -> list[PaperScore]:
    """The paper's two rows at this number of frames; none where it has none."""
    found = []
    for model in (BASELINE, TRAINED):
        score = _scores().get((_plain(benchmark), model, max_frames))
        if score is not None:
            difference = 100 * own.mean - score
            differs = abs(difference) > _LEAST_POINTS and not own.low <= score / 100 <= own.high
            found.append(
                PaperScore(
                    model=model,
                    frames=max_frames,
                    score=score,
                    difference=difference,
                    differs=differs,
                )
            )
    return found


@cache
def _scores() -> dict[tuple[str, str, int], float]:
    with Path(__file__).with_name("paper_scores.csv").open(encoding="utf-8") as file:
        return {
            (_plain(row["benchmark"]), row["model"], int(row["frames"])): float(row["score"])
            for row in csv.DictReader(file)
        }


def _plain(name: str) -> str:
    # The paper writes hyphens and capitals, our names are plain (Video-MME, videomme).
    return "".join(filter(str.isalnum, name.lower()))
