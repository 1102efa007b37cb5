"""The summary as text for the terminal."""

from collections.abc import Iterator, Sequence

from tasks.diagnose.judge import RowDiagnosis
from tasks.diagnose.summary import Summary
from tasks.report.text import labelled_lines, number, percent

_BAR_CHARS = 50
_MOST_SUSPECTS = 10
_PROMPTS_PER_STEP = 64
"""As in the paper's training."""
_FEW_IN_FORMAT = 0.5


def closing_table(summary: Summary, suspects: Sequence[RowDiagnosis]) -> str:
    """What a person wants to know when the diagnosis has ended; `suspects` in their order."""
    lines = [
        *_rows(summary),
        *_distribution(summary),
        *_shares(summary),
        *_suspects(summary, suspects),
    ]
    return labelled_lines(lines).rstrip()


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "data set", summary.request.dataset
    yield "model", summary.request.model
    left_out = {"unusable": summary.num_unusable, "not shown": summary.num_not_shown}
    left_out |= {"beyond the limit": summary.num_beyond_limit} if summary.num_beyond_limit else {}
    reasons = ", ".join(f"{count} {name}" for name, count in left_out.items())
    answered = f"{summary.whole.num_rows} answered {summary.request.num_rollouts} times each"
    yield "rows", f"{summary.num_in_file} in the file: {answered}, {reasons}"
    for reason, count in summary.unusable_by_reason.items():
        yield "", f"{count} x {reason}"


def _distribution(summary: Summary) -> Iterator[tuple[str, str]]:
    most = max(summary.rows_by_num_correct)
    for num_correct, count in enumerate(summary.rows_by_num_correct):
        bar = "█" * -(-count * _BAR_CHARS // most)  # rounded up: a single row is seen
        yield "right answers" if num_correct == 0 else "", f"{num_correct:>3}  {bar} {count}"


def _shares(summary: Summary) -> Iterator[tuple[str, str]]:
    whole = summary.whole
    yield "all wrong", percent(whole.all_wrong_share, 1)
    yield "mixed", percent(whole.mixed_share, 1)
    yield "all right", percent(whole.all_right_share, 1)
    effective = round(whole.effective_share * _PROMPTS_PER_STEP)
    yield (
        "effective batch",
        f"{percent(whole.effective_share, 1)}: the {summary.request.reward} rewards of a group "
        "differ",
    )
    yield "", f"of {_PROMPTS_PER_STEP} prompts in a step, {effective} have a gradient"
    yield "reward", f"mean {number(whole.mean_reward)}, mean spread {number(whole.mean_spread)}"
    yield (
        "format",
        f"{percent(whole.parsed_share, 1)} of the answers in it, "
        f"{percent(whole.truncated_share, 1)} cut off",
    )
    if whole.parsed_share < _FEW_IN_FORMAT:
        yield (
            "",
            "most answers earn nothing for their form: questions should say how to answer, and",
        )
        yield "", "rollout.max_answer_tokens must be enough for it"


def _suspects(summary: Summary, suspects: Sequence[RowDiagnosis]) -> Iterator[tuple[str, str]]:
    yield (
        "likely wrong labels",
        f"{summary.num_likely_wrong}: all rollouts agree on another answer, unusual elsewhere",
    )
    for row in suspects[:_MOST_SUSPECTS]:
        said = (
            f"label {row.label!r:.40}, all {len(row.answers)} rollouts say {row.other_answer!r:.40}"
        )
        yield "", f"row {row.row}: {said} (elsewhere {percent(row.other_answer_usual_share)})"
    if len(suspects) > _MOST_SUSPECTS:
        yield "", f"... and {len(suspects) - _MOST_SUSPECTS} more in the report"
    if summary.num_agreed_but_usual:
        yield (
            "",
            f"{summary.num_agreed_but_usual} more agree on an answer that the model gives nearly "
            "everywhere",
        )
