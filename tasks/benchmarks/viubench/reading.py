"""What one answer is worth on VIUBench: the same two readings for the main job and for published
questions.

VIUBench's score is that of the paper's script, which looks for the answer anywhere in the text.
Beside it stands the score in strict format, as in the rewards of training: the whole text must be
the answer.

Either way intervals score by overlap, counts by the share that is right, and orders are right or
wrong as a whole.
"""

import re
from dataclasses import replace

from rewards.answers import AnswerKind, Interval
from rewards.parse import parse_answer
from rewards.verify import verify
from tasks.benchmarks.answer_space import right_answer
from tasks.benchmarks.grounding import read_window
from tasks.benchmarks.orders import integer
from tasks.benchmarks.reading import Reading
from tasks.core.types import Sample

STRICT = "strict format"
"""Name of the strict score, in `Reading.values` and wherever it is printed."""


def read_viubench(sample: Sample, text: str) -> Reading:
    """`text` as the answer to a VIUBench item; the strict score stands in `values`."""
    kind, truth = AnswerKind(sample.answer_kind), right_answer(sample)
    strictly = parse_answer(text, kind)
    if isinstance(truth, Interval):
        reading = read_window(text, ((truth.start_seconds, truth.end_seconds),))
        strict = verify(strictly, truth)
    else:
        reading = (
            _read_counts(sample, text) if kind is AnswerKind.COUNTS else _read_order(sample, text)
        )
        strict = reading.paper if strictly else 0.0
    return replace(reading, dropped=False, values={STRICT: strict})


def _read_counts(sample: Sample, text: str) -> Reading:
    """The share of counts that are right; 0 unless there are as many integers as asked for."""
    truth = [integer(digits) for digits in re.findall(r"\d+", sample.answer)]
    said = [integer(digits) for digits in re.findall(r"\d+", text)]
    parsed = len(said) == len(truth)
    score = sum(s == t for s, t in zip(said, truth, strict=True)) / len(truth) if parsed else 0.0
    return _both(score, ",".join(map(str, said)) if parsed else "")


def _read_order(sample: Sample, text: str) -> Reading:
    """Right as a whole: the only word of so many digits, else digits with signs between."""
    count = len(sample.answer)
    words = [word for word in re.findall(r"(?<!\d)\d+(?!\d)", text) if len(word) == count]
    spread = re.findall(rf"(?<!\d)(?:\d[,\s-]++){{{count - 1}}}\d(?!\d)", text)
    candidates = words if words else ["".join(filter(str.isdigit, run)) for run in spread]
    answer = (
        candidates[0]
        if len(candidates) == 1 and sorted(candidates[0]) == sorted(sample.answer)
        else ""
    )
    return _both(float(answer == sample.answer), answer)


def _both(score: float, answer: str) -> Reading:
    return Reading(
        paper=score,
        robust=score,
        paper_parsed=bool(answer),
        robust_parsed=bool(answer),
        answer=answer,
    )
