"""Contact sheets of rows for the report: the likely wrong labels first, then some of each
outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.core.choose import shuffled
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.diagnose.judge import RowDiagnosis, RowOutcome
from tasks.video.preview import draw_each, preview_sheet

MOST_SUSPECTS = 12
_EXAMPLES_PER_OUTCOME = 2


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One row to look at."""

    row: RowDiagnosis
    png: bytes


def draw_suspects(
    store: Store,
    suspects: Sequence[RowDiagnosis],
    samples: Mapping[str, Sample],
    clips: Mapping[str, Clip],
) -> list[Picture]:
    """Of the first `suspects`, in their order."""
    return _draw(store, suspects[:MOST_SUSPECTS], samples, clips)


def draw_examples(
    store: Store,
    rows: Sequence[RowDiagnosis],
    samples: Mapping[str, Sample],
    clips: Mapping[str, Clip],
) -> dict[str, list[Picture]]:
    """The same rows each time, by outcome."""
    in_turn = shuffled(rows, lambda row: row.sample_id, "picture")
    chosen = {
        outcome: [row for row in in_turn if row.outcome is outcome][:_EXAMPLES_PER_OUTCOME]
        for outcome in (RowOutcome.ALL_WRONG, RowOutcome.MIXED, RowOutcome.ALL_RIGHT)
    }
    return {
        outcome.value: _draw(store, found, samples, clips)
        for outcome, found in chosen.items()
        if found
    }


def _draw(
    store: Store,
    rows: Sequence[RowDiagnosis],
    samples: Mapping[str, Sample],
    clips: Mapping[str, Clip],
) -> list[Picture]:
    def draw(row: RowDiagnosis) -> bytes:
        return preview_sheet(store, samples[row.sample_id], clips, [_answers(row)])

    return [Picture(row=row, png=png) for row, png in draw_each(rows, draw)]


def _answers(row: RowDiagnosis) -> str:
    said = " | ".join(row.answers)
    return (
        f"row {row.row}, rollouts: {said}   ({row.num_correct} right, mean reward "
        f"{row.mean_reward:.2f})"
    )
