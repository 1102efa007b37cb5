"""Scores by version and place, of all runs of a model: `scores/MODEL/scores.json` in the data root.

Every run keeps its own scores in `scores/MODEL/runs/RUN.json`, whole or not at all, and makes
`scores.json` of all of these files: so runs that end at once lose nothing, and a run that was
killed leaves nothing half.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from tasks.core.kept import read_json
from tasks.core.statistics import METHOD
from tasks.core.store import Store
from tasks.report.text import as_json

_FOLDER = "scores"
_REMEDY = (
    "put a copy of it back, or delete it: comparisons then lack the scores that this run measured"
)


@dataclass(frozen=True, kw_only=True)
class VersionScore:
    """How one version did in one place: a row of `scores.json` and of the table in MLflow.

    Numbers that are not known (the interval of three videos) are null.
    """

    version: str
    """In the model registry; `base` for `model.base`; `3/before`, `3/round 1` for a policy that the
    run of version 3 scored and that has no version of its own."""
    policy: str
    """Key of its folder below the data root, or `outside:` and which model it is."""
    run_id: str
    """The first run that scored it so."""
    scored_at: str
    """When that run decided (ISO 8601, UTC)."""
    promoted: bool
    """Whether the version had become champion by then."""
    place: str
    """`heldout`, `viubench`, or the name of a benchmark."""
    questions: str
    """Digest of what was asked, and how: scores of one place with the same one can be compared."""
    is_anchor: bool
    """Whether these are the questions that every run is asked."""
    mean: float | None
    """In [0, 1]."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval over videos."""
    se: float | None
    """Standard error over videos."""
    num_items: int
    num_videos: int
    no_interval: str
    """Why there is none; empty if there is one."""
    chance: float | None
    """Expected score of guesses, where it is known."""
    answerer: str
    """Who answered in the place of the policy; empty: itself."""
    scores_key: str
    """Below the data root: Parquet with the score of every question (rows of SampleScore for
    `heldout` and `viubench`, of UnitScore for benchmarks)."""
    scores_digest: str


def keep_scores(
    store: Store, model: str, run_id: str, rows: Sequence[VersionScore]
) -> list[VersionScore]:
    """Keep the scores of one run, unless an earlier try of it did, and make `scores.json` anew;
    returns the scores of all runs."""
    store.create(
        f"{_runs(model)}/{run_id}.json", _as_bytes({"scores": [asdict(row) for row in rows]})
    )
    merged: list[str] = []
    known: list[VersionScore] = []
    # Until no other run has come meanwhile: each writes its own file before it looks, so whoever
    # writes `scores.json` last has seen the files of all.
    while (found := store.list_keys(_runs(model))) != merged:
        merged, known = found, read_scores(store, model)
        store.write_bytes(f"{_FOLDER}/{model}/scores.json", scores_json(model, known))
    return known


def read_scores(store: Store, model: str) -> list[VersionScore]:
    """The scores of all runs, oldest first; what several runs found alike is there once, as the
    first of them found it.

    Raises:
        InputError: a run's file is damaged.
    """
    runs = [
        read_json(store, key, _RunScores, _REMEDY).scores for key in store.list_keys(_runs(model))
    ]
    # Files are called by ids that say nothing of time.
    in_time = sorted((rows for rows in runs if rows), key=lambda rows: _when(rows[0]))
    known: dict[tuple[str, ...], VersionScore] = {}
    for row in (row for rows in in_time for row in rows):
        known.setdefault(
            (row.version, row.place, row.questions, row.answerer, row.scores_digest), row
        )
    return list(known.values())


def scored_models(store: Store) -> list[str]:
    """Names of the models that a run of this data root scored."""
    return [key.removeprefix(f"{_FOLDER}/") for key in store.list_keys(_FOLDER)]


def scores_json(model: str, rows: Iterable[VersionScore]) -> bytes:
    """The file. Keys:

    model       name of the registered model
    intervals   how the 95 % intervals are made, in words
    scores      rows of VersionScore, oldest first: version, policy, run_id, scored_at, promoted,
                place, questions, is_anchor, mean, low, high, se, num_items, num_videos,
                no_interval, chance, answerer, scores_key, scores_digest
    """
    return _as_bytes({"model": model, "intervals": METHOD, "scores": [asdict(row) for row in rows]})


@dataclass(frozen=True)
class _RunScores:
    scores: list[VersionScore]


def _runs(model: str) -> str:
    return f"{_FOLDER}/{model}/runs"


def _as_bytes(value: object) -> bytes:
    return json.dumps(as_json(value), indent=1, allow_nan=False).encode()


def _when(row: VersionScore) -> tuple[str, str]:
    return row.scored_at, row.run_id
