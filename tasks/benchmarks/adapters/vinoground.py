"""VinoGround: 500 pairs of clips whose captions hold the same words in another order
(HanSolo9682/Vinoground).

Text score, which is the paper's: both questions of a pair right. The video score asks which half of
a joined video fits a caption, and the group score wants all four right; they have their own entry.
The pair is the number in `idx`. The official get_score_all.py counts a pair with an empty answer as
wrong.

Forms that are read: the authors' `vinoground_textscore.json` and `vinoground_videoscore.json`,
beside the videos or in their folders, and `vinoground.csv` for categories (Vinoground/Vinoground
README.md; lmms-eval reads the same JSON). A video's name holds its folder: `1_pos.mp4` is in both,
whole in one and joined in the other.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample, whole_groups
from tasks.benchmarks.annotations import find_file, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.benchmarks.protocol import AnswerScore
from tasks.core.types import Sample

_NUMBER = re.compile(r"(\d+)_(?:pos|neg)")
_TABLE = "vinoground.csv"
_Categories = dict[int, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, kw_only=True)
class _Row:
    idx: str
    video_name: str
    question: str
    GT: str


@dataclass(frozen=True, kw_only=True)
class _Category:
    major: str
    minor: str | None = None
    """Several are joined by semicolons."""


def _loader(name: str, *scores: str) -> Callable[[BenchmarkSource], Iterator[Sample]]:
    def load(source: BenchmarkSource) -> Iterator[Sample]:
        categories = _categories(source.root)
        for score in scores:
            for where, row in read_rows_of(
                find_file(source.root, f"vinoground_{score}score.json"), _Row
            ):
                number = _NUMBER.fullmatch(row.idx)
                if number is None:
                    raise where.error(
                        "idx", f"got {row.idx!r:.80}, expected a number with _pos or _neg"
                    )
                major, minors = categories.get(int(number[1]), ("", ()))
                facts = choice_facts(options_in(row.question), letters="AB")
                yield make_sample(
                    name,
                    f"{score}-{row.idx}",
                    kind=score,
                    files=[(row.video_name, source.videos.find(row.video_name))],
                    question=ask_choice(row.question, (), source.conditions),
                    answer=right_letter(where, "GT", row.GT, facts),
                    facts=facts,
                    group=number[1],
                    tags={"score": score, "major": major, "minor": minors},
                )

    return load


def _categories(root: Path) -> _Categories:
    """By pair; empty without the table."""
    # Categories are a breakdown alone, so the benchmark goes without them.
    if not list(root.rglob(_TABLE)):
        return {}
    rows = read_rows_of(find_file(root, _TABLE), _Category)
    return {
        # Pair i is row i of the table.
        int(where.row): (
            row.major,
            tuple(part.strip() for part in (row.minor or "").split(";") if part.strip()),
        )
        for where, row in rows
    }


def _single(rows: Sequence[AnswerScore]) -> dict[str, float]:
    return {"accuracy of single questions": fmean(row.paper for row in rows)}


def _scores(rows: Sequence[AnswerScore]) -> dict[str, float]:
    found = _single(rows)
    by_score: defaultdict[str, list[AnswerScore]] = defaultdict(list)
    for row in rows:
        by_score[row.tags["score"][0]].append(row)
    for score, members in sorted(by_score.items()):
        pairs = whole_groups(2)(members, lambda row: row.paper)
        found[f"{score} score"] = fmean(pair.score for pair in pairs.values())
    return found


VINOGROUND = Adapter(
    name="vinoground",
    load=_loader("vinoground", "text"),
    num_items=1000,
    units=whole_groups(2),
    keeps_dropped=True,
    metrics=_single,
    choices=("score: text",),
)
VINOGROUND_GROUP = Adapter(
    name="vinoground_group",
    load=_loader("vinoground_group", "text", "video"),
    num_items=2000,
    units=whole_groups(4),
    keeps_dropped=True,
    metrics=_scores,
)
