"""Two versions side by side, and all versions on the anchor: from what runs kept, asking nothing
again."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.score_config import ANCHOR, SCORED_SPLITS
from tasks.core.scores import SampleScore, UnitScore
from tasks.core.statistics import METHOD, Estimate
from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.promote.decide import measure_gains
from tasks.promote.scores_file import VersionScore, read_scores, scored_models
from tasks.report.text import UNKNOWN, aligned_table, labelled_lines, number, signed, with_se
from tasks.tracking.check import check_name
from tasks.tracking.mlflow_client import database_path
from tasks.tracking.run import open_registry

_CHAMPION = "champion"


def compare(
    store: Store, model: str, first: str, second: str, find_champion: Callable[[], str]
) -> str:
    """The scores of two versions and their paired difference, place by place; without `first` the
    scores of all versions on the anchor.

    A version is what `scores.json` calls so, or `champion`. Without `second` it is the champion, or
    the newest version where there is none or `first` is it.

    Raises:
        InputError: no run has kept scores of the model, or of such a version.
    """
    check_name(model)
    scores = read_scores(store, model)
    if not scores:
        others = ", ".join(scored_models(store)) or "none"
        raise InputError(
            f"{store.path('scores')} holds no scores of the model {model!r} (of others: {others}); "
            "a retrain writes them when it ends"
        )
    if first:
        pair = _versions(model, scores, first, second, find_champion)
        return _comparison(store, model, scores, *pair)
    if second:
        raise InputError(f"got second={second!r} alone; name the version to compare it with: first")
    return _history(model, scores)


def champion_of(run: Run, model: str) -> str:
    """The version that is champion now; empty if there is none, or no MLflow here that would know.
    Makes nothing."""
    if not run.tracking_uri and not os.path.exists(database_path(run.data_root)):
        return ""
    return open_registry(run).standing(model).version


def _versions(
    model: str,
    scores: Sequence[VersionScore],
    first: str,
    second: str,
    find_champion: Callable[[], str],
) -> tuple[str, str]:
    known = list(dict.fromkeys(row.version for row in scores))
    champion = find_champion() if not second or _CHAMPION in (first, second) else ""
    if not champion and _CHAMPION in (first, second):
        raise InputError(
            f"the model {model!r} has no champion here; name a version ({', '.join(known)}), or "
            "the MLflow server that knows: tracking_uri"
        )
    first, second = (champion if given == _CHAMPION else given for given in (first, second))
    if not second:
        newest = sorted(filter(str.isdigit, known), key=int, reverse=True)
        # The first that there is: of the champion, which may be of another data root, then by age.
        others = [one for one in (champion, *newest) if one in known and one != first]
        if not others:
            raise InputError(
                f"no run here scored another version of {model!r} than {first}; there is nothing "
                "to compare it with"
            )
        second = others[0]
    unknown = [one for one in (first, second) if one not in known]
    if unknown:
        raise InputError(
            f"no run here scored a version {unknown[0]!r} of {model!r}; known: {', '.join(known)}"
        )
    if first == second:
        raise InputError(f"first and second are both {_label(first)}; name two versions")
    return first, second


@dataclass(frozen=True)
class _Place:
    """Two versions in one place."""

    name: str
    scores: tuple[VersionScore | None, VersionScore | None]
    gain: Estimate | None
    """Of the second over the first; None where nothing can be paired."""
    notes: tuple[str, ...]


def _comparison(
    store: Store, model: str, scores: Sequence[VersionScore], first: str, second: str
) -> str:
    both = [row for row in scores if row.version in (first, second)]
    places = [
        _pair_up(store, name, [row for row in both if row.place == name], first, second)
        for name in dict.fromkeys(row.place for row in both)
    ]
    head = ["", _label(first), _label(second), "difference", "95 % interval", "items", "videos"]
    table = aligned_table(head, [_cells(place) for place in places])
    notes = [(place.name, note) for place in places for note in place.notes]
    return (
        f"{model}: {_label(second)} over {_label(first)}, from kept answers "
        f"(mean ± standard error)\n\n{table}\n" + labelled_lines([*notes, ("intervals", METHOD)])
    )


def _pair_up(
    store: Store, name: str, rows: Sequence[VersionScore], first: str, second: str
) -> _Place:
    """`rows` are those of both versions in one place, oldest first."""
    own = [[row for row in rows if row.version == version] for version in (first, second)]
    common = {row.questions for row in own[0]} & {row.questions for row in own[1]}
    # Several nights may have asked both: the newest set of questions counts.
    newest = next((row.questions for row in reversed(rows) if row.questions in common), None)
    one, other = (_latest(found, newest) for found in own)
    notes = [*_answerers(one, other)]
    if one is None or other is None:
        alone = _label(second if one is None else first)
        return _Place(name, (one, other), None, (*notes, f"{alone} alone was asked"))
    if newest is None:
        return _Place(name, (one, other), None, (*notes, "never asked the same questions"))
    if len(common) > 1:
        at = max(one.scored_at, other.scored_at)
        notes.append(f"{len(common)} sets of questions in common, here the newest ({at})")
    gone = [row.scores_key for row in (one, other) if not store.exists(row.scores_key)]
    if gone:
        return _Place(name, (one, other), None, (*notes, f"{store.path(gone[0])} is gone"))
    gain = _gain(store, one, other)
    return _Place(name, (one, other), gain, (*notes, *filter(None, [gain.no_interval])))


def _latest(rows: Sequence[VersionScore], questions: str | None) -> VersionScore | None:
    return next((row for row in reversed(rows) if questions in (None, row.questions)), None)


def _answerers(*rows: VersionScore | None) -> Iterator[str]:
    for row in rows:
        if row and row.answerer:
            yield f"{row.answerer} answered in the place of {_label(row.version)}"


def _gain(store: Store, one: VersionScore, other: VersionScore) -> Estimate:
    """As a promotion is decided: item by item, parts that count equally in the score do so here."""
    kept = [Artifact(row.scores_key, row.scores_digest) for row in (one, other)]
    if one.place in SCORED_SPLITS:
        before, after = (
            [row for row in read_rows(store, rows, SampleScore) if row.split == one.place]
            for rows in kept
        )
        return measure_gains(before, after)[one.place]
    units = (read_rows(store, kept[0], UnitScore), read_rows(store, kept[1], UnitScore))
    return measure_gains([], [], {one.place: units})[one.place]


def _cells(place: _Place) -> list[str]:
    scores = [UNKNOWN if row is None else with_se(row.mean, row.se) for row in place.scores]
    gain = place.gain
    if gain is None:
        return [place.name, *scores, *[UNKNOWN] * 4]
    interval = "none" if gain.no_interval else f"{signed(gain.low)} to {signed(gain.high)}"
    return [
        place.name,
        *scores,
        *(signed(gain.mean), interval, str(gain.num_items), str(gain.num_videos)),
    ]


def _history(model: str, scores: Sequence[VersionScore]) -> str:
    """One line for each version that was asked the anchor's questions, as they are today."""
    known = ", ".join(dict.fromkeys(row.version for row in scores))
    asked = [row for row in scores if row.is_anchor]
    if not asked:
        raise InputError(
            f"no run here asked an anchor, the questions that all versions of {model!r} would "
            f"share; name two versions (first, second) of {known}"
        )
    today = asked[-1].questions
    newest = {row.version: row for row in asked if row.questions == today}
    # Policies without a version of their own are called after one, with a slash.
    rows = [row for version, row in newest.items() if "/" not in version]
    rows.sort(key=lambda row: int(row.version) if row.version.isdigit() else 0)
    table = aligned_table(
        ["", "score", "95 % interval", "items", "videos", "scored", "became champion"],
        [
            [
                _label(row.version),
                with_se(row.mean, row.se),
                "none" if row.no_interval else f"{number(row.low)} to {number(row.high)}",
                *(str(row.num_items), str(row.num_videos), row.scored_at),
                "yes" if row.promoted else "no",
            ]
            for row in rows
        ],
    )
    notes = [(_label(row.version), note) for row in rows for note in _answerers(row)]
    notes += [(_label(row.version), row.no_interval) for row in rows if row.no_interval]
    notes += [("chance", number(rows[-1].chance)), ("known", known), ("intervals", METHOD)]
    place = rows[-1].place
    anchor = "the anchor" if place == ANCHOR else f"the anchor ({place})"
    return (
        f"{model} on {anchor}, by version (mean ± standard error)\n\n"
        f"{table}\n{labelled_lines(notes)}"
    )


def _label(version: str) -> str:
    return f"version {version}" if version.isdigit() else version
