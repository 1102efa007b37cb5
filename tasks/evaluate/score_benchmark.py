"""From answers to numbers: every benchmark's result, its predictions, and one table beside the
paper's rows."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.benchmarks.paper import BASELINE, TRAINED, PaperScore, beside_paper
from tasks.benchmarks.protocol import AnswerScore, Benchmark, BenchmarkResult
from tasks.benchmarks.viubench.reading import STRICT
from tasks.core.controls import Control
from tasks.core.statistics import METHOD, Estimate
from tasks.core.types import Sample
from tasks.evaluate.control_text import (
    CONTROL_HEAD,
    CONTROL_NOTE,
    control_cells,
    control_json,
    control_line,
    control_metrics,
)
from tasks.report.text import UNKNOWN, as_json, markdown_table, percent, points
from tasks.rollout.answerer import Reply


@dataclass(frozen=True, kw_only=True)
class Prediction(AnswerScore):
    """One question with its answer and what that is worth."""

    question: str
    truth: str
    text: str
    truncated: bool
    num_vision_tokens: int
    num_answer_tokens: int


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """One model on one benchmark, with what limits its meaning."""

    model: str
    name: str
    """Of the benchmark, as it was asked for; `result.benchmark` is that of its adapter."""
    result: BenchmarkResult
    num_available: int
    """Questions in the files; more than `result.num_items` if a limit chose some of them."""
    refused: str
    """Why there is no headline; empty if there is one."""
    paper: list[PaperScore]
    num_truncated: int
    num_vision_tokens: int
    num_answer_tokens: int
    control: Control | None = None
    """What the headline would be without looking, if that was asked for."""

    @property
    def headline(self) -> Estimate | None:
        return None if self.refused else self.result.headline

    @property
    def shown_control(self) -> Control | None:
        """As the headline: none where that is refused."""
        return None if self.refused else self.control

    def metrics(self) -> dict[str, float]:
        """For the tracker; a number that is refused or not known is left out."""
        result = self.result
        found = {
            "benchmark/coverage": result.coverage,
            "benchmark/questions": float(result.num_items),
            "benchmark/unparsed": float(result.num_unparsed),
            "benchmark/truncated": float(self.num_truncated),
            "cost/vision_tokens": float(self.num_vision_tokens),
            "cost/answer_tokens": float(self.num_answer_tokens),
        }
        if not self.refused:
            found |= {
                "benchmark/score": result.headline.mean,
                "benchmark/robust": result.robust.mean,
            }
            found |= {"benchmark/low": result.headline.low, "benchmark/high": result.headline.high}
            found |= {
                "benchmark/videos": float(result.headline.num_videos),
                "benchmark/degrees_of_freedom": result.headline.degrees_of_freedom or math.nan,
            }
            found |= {f"benchmark/{_named(name)}": value for name, value in result.metrics.items()}
            found |= {
                f"breakdown/{_named(tag)}/{_named(value)}": part.score
                for tag, parts in result.breakdown.items()
                for value, part in parts.items()
            }
            found |= control_metrics(self.control) if self.control else {}
        # Without an interval its ends are infinite, and no curve can be drawn through them.
        return {name: value for name, value in found.items() if math.isfinite(value)}


def score_benchmark(
    benchmark: Benchmark,
    samples: Sequence[Sample],
    replies: Mapping[str, Reply],
    *,
    model: str,
    name: str = "",
    num_available: int,
    min_coverage: float,
    is_published: bool = True,
) -> tuple[ModelResult, list[Prediction]]:
    """Score `replies` (by sample id) and sum up; the paper has rows for published files only."""
    rows = [_prediction(benchmark, sample, replies[sample.sample_id]) for sample in samples]
    result = benchmark.aggregate(rows)
    refused = _refusal(result, min_coverage)
    has_paper = is_published and not refused
    return ModelResult(
        model=model,
        name=name or benchmark.name,
        result=result,
        num_available=num_available,
        refused=refused,
        paper=beside_paper(benchmark.name, benchmark.conditions.max_frames, result.headline)
        if has_paper
        else [],
        num_truncated=sum(row.truncated for row in rows),
        num_vision_tokens=sum(row.num_vision_tokens for row in rows),
        num_answer_tokens=sum(row.num_answer_tokens for row in rows),
    ), rows


def result_json(found: ModelResult) -> str:
    """Everything about one result as JSON; numbers that are not finite are null.

    Controls stand under `controls`, if there are any: chance, constant, over_constant, and by
    condition blind and gain_by_seeing.
    """
    # `asdict` leaves out properties.
    more: dict[str, Any] = {"coverage": found.result.coverage, "intervals": METHOD}
    if found.control:
        more["controls"] = control_json(found.control)
    known = {name: value for name, value in asdict(found).items() if name != "control"}
    return json.dumps(as_json(known | more), indent=1)


def results_table(results: Sequence[ModelResult]) -> str:
    """One line a benchmark: the score with its interval, the paper's rows, how much of it was shown
    and read, and what it would be without looking, if that was asked for."""
    has_controls = any(found.control for found in results)
    head = (
        "benchmark",
        "score",
        "95 % interval",
        "robust",
        "chance",
        BASELINE,
        TRAINED,
        "shown",
        "not read",
        "of",
        *(CONTROL_HEAD if has_controls else ()),
    )
    rows = [
        (*_line(found), *(control_cells(found.shown_control) if has_controls else ()))
        for found in results
    ]
    notes = [
        "Points of 100. The paper's figures are at the same number of frames, with the distance "
        "to them; * where it exceeds 1 point and the paper's figure lies outside the interval, † "
        "where the questions were not asked in the paper's words or not under its conditions.",
        f"{METHOD}.",
        *([CONTROL_NOTE] if has_controls else []),
        *(f"{found.name}: {note}" for found in results for note in _notes(found)),
    ]
    parts = [
        (
            found.name,
            tag,
            value,
            f"{points(part.score)} ± {points(part.se)}",
            str(part.num_items),
        )
        for found in results
        if not found.refused
        for tag, by_value in found.result.breakdown.items()
        for value, part in by_value.items()
    ]
    tables = [markdown_table(head, rows), *notes]
    if parts:
        tables += [
            "",
            *markdown_table(
                ("benchmark", "part", "", "score ± standard error", "of"), parts
            ).splitlines(),
        ]
    return "\n".join(tables) + "\n"


def _line(found: ModelResult) -> tuple[str, ...]:
    result = found.result
    paper = {score.model: score for score in found.paper}
    shown = (
        ("refused", "", "")
        if found.refused
        else (points(result.headline.mean), _interval(result.headline), points(result.robust.mean))
    )
    return (
        found.name,
        *shown,
        points(result.chance),
        *(
            _beside(paper[model], result) if model in paper else UNKNOWN
            for model in (BASELINE, TRAINED)
        ),
        percent(result.coverage, 1),
        str(result.num_unparsed),
        str(result.num_items),
    )


def _notes(found: ModelResult) -> list[str]:
    result = found.result
    sampled = result.num_items < found.num_available
    return [
        *([f"no headline: {found.refused}"] if found.refused else []),
        *([control_line(found.shown_control)] if found.shown_control else []),
        *(
            [f"{STRICT}: {points(result.metrics[STRICT])}"]
            if STRICT in result.metrics and not found.refused
            else []
        ),
        *([f"{result.num_items} of {found.num_available} questions (limit)"] if sampled else []),
        *(f"{number} x {reason}" for reason, number in sorted(result.missing_reasons.items())[:3]),
        *(
            [f"{found.num_truncated} answers were cut off at the token limit"]
            if found.num_truncated
            else []
        ),
        *([result.words] if result.words else []),
        *(f"deviation: {text}" for text in result.deviations),
        *(f"the paper leaves open: {text}" for text in result.choices),
        *result.warnings,
    ]


def _refusal(result: BenchmarkResult, min_coverage: float) -> str:
    if result.coverage >= min_coverage:
        return ""
    most = max(result.missing_reasons.items(), key=lambda item: item[1])
    return (
        f"{result.num_missing} of {result.num_items} questions could not be shown (most often: "
        f"{most[0]}), so coverage is {percent(result.coverage, 1)}, under {percent(min_coverage)} "
        "(evaluate.min_coverage)"
    )


def _prediction(benchmark: Benchmark, sample: Sample, reply: Reply) -> Prediction:
    # Published questions are answered once.
    text = "" if reply.failure else reply.texts[0]
    judged = (
        benchmark.fail(sample, reply.failure) if reply.failure else benchmark.judge(sample, text)
    )
    return Prediction(
        **vars(judged),
        question=sample.question,
        truth=sample.answer,
        text=text,
        truncated=any(reply.truncated),
        num_vision_tokens=reply.num_vision_tokens,
        num_answer_tokens=sum(reply.num_tokens),
    )


def _interval(found: Estimate) -> str:
    if found.no_interval:
        return found.no_interval
    degrees = f"{found.num_videos} videos, {found.degrees_of_freedom:.0f} degrees of freedom"
    return f"{points(found.low)} to {points(found.high)} ({degrees})"


def _beside(score: PaperScore, result: BenchmarkResult) -> str:
    marks = "*" * score.differs + "†" * bool(result.words or result.deviations)
    return f"{score.score:.1f} ({score.difference:+.1f}{marks})"


def _named(text: str) -> str:
    """As MLflow allows it in a metric's name."""
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in text)
