"""The data set in numbers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.diagnose.agreement import RULE
from tasks.diagnose.judge import RowDiagnosis, RowOutcome


@dataclass(frozen=True, kw_only=True)
class RowsSummary:
    """The answered rows of one kind, or all of them. Shares are of rows (groups)."""

    num_rows: int
    all_right_share: float
    mixed_share: float
    all_wrong_share: float
    effective_share: float
    """Groups whose rewards differ: this part of every batch has a gradient."""
    mean_reward: float
    mean_spread: float
    parsed_share: float
    truncated_share: float
    num_likely_wrong: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was diagnosed, and how."""

    dataset: str
    model: str
    num_rollouts: int
    temperature: float
    reward: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What `summary.json` holds."""

    request: Request
    num_in_file: int
    num_unusable: int
    unusable_by_reason: dict[str, int]
    num_beyond_limit: int
    num_not_shown: int
    rows_by_num_correct: tuple[int, ...]
    """Entry k: rows with k exactly right answers, from none to all."""
    whole: RowsSummary
    by_kind: dict[str, RowsSummary]
    """By pretext task and kind, as far as the data set tells them."""
    num_teaching: int
    num_likely_wrong: int
    num_agreed_but_usual: int
    """Rows whose rollouts agree on another answer that the policy gives nearly everywhere: not
    called wrong."""
    wrong_label_rule: str = RULE

    def metrics(self) -> dict[str, float]:
        """For the tracker."""
        shares = {name: value for name, value in vars(self.whole).items() if name != "num_rows"}
        counts = {name: value for name, value in vars(self).items() if name.startswith("num_")}
        return {f"diagnose/{name}": float(value) for name, value in (counts | shares).items()}


def summarize(
    request: Request, rows: Sequence[RowDiagnosis], imported: Mapping[str, float]
) -> Summary:
    """`imported`: the counts of the import (`rows`, `rejected`, `rejected/REASON`, `beyond_limit`).

    Raises:
        ValueError: no row was answered.
    """
    answered = [row for row in rows if row.outcome is not RowOutcome.NOT_SHOWN]
    if not answered:
        raise ValueError("no row was answered")
    num_correct = Counter(row.num_correct for row in answered)
    prefix = "rejected/"
    return Summary(
        request=request,
        num_in_file=int(imported["rows"]),
        num_unusable=int(imported["rejected"]),
        unusable_by_reason={
            name.removeprefix(prefix): int(number)
            for name, number in sorted(imported.items())
            if name.startswith(prefix)
        },
        num_beyond_limit=int(imported["beyond_limit"]),
        num_not_shown=len(rows) - len(answered),
        # Every number from none to all, also those that no row has: a gap would shift the chart.
        rows_by_num_correct=tuple(
            num_correct[number] for number in range(request.num_rollouts + 1)
        ),
        whole=_part(answered),
        by_kind=_by_kind(answered),
        num_teaching=sum(row.teaches for row in answered),
        num_likely_wrong=sum(row.label_likely_wrong for row in answered),
        num_agreed_but_usual=sum(
            bool(row.other_answer) and not row.label_likely_wrong for row in answered
        ),
    )


def _by_kind(rows: Sequence[RowDiagnosis]) -> dict[str, RowsSummary]:
    members: defaultdict[str, list[RowDiagnosis]] = defaultdict(list)
    for row in rows:
        members[" · ".join(dict.fromkeys((row.pretext, row.kind)))].append(row)
    return {name: _part(found) for name, found in sorted(members.items())}


def _part(rows: Sequence[RowDiagnosis]) -> RowsSummary:
    return RowsSummary(
        num_rows=len(rows),
        all_right_share=fmean(row.outcome is RowOutcome.ALL_RIGHT for row in rows),
        mixed_share=fmean(row.outcome is RowOutcome.MIXED for row in rows),
        all_wrong_share=fmean(row.outcome is RowOutcome.ALL_WRONG for row in rows),
        effective_share=fmean(row.teaches for row in rows),
        mean_reward=fmean(row.mean_reward for row in rows),
        mean_spread=fmean(row.spread for row in rows),
        parsed_share=fmean(row.parsed_share for row in rows),
        truncated_share=fmean(row.truncated_share for row in rows),
        num_likely_wrong=sum(row.label_likely_wrong for row in rows),
    )
