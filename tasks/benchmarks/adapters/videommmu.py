"""VideoMMMU, multiple choice: 880 of the 900 questions about 300 lectures, in three tracks
(lmms-lab/VideoMMMU).

The picture of an adaptation question is already the end of its video, which the sampling rule
always shows.

Forms that are read: the authors' `data/<track>_video.json`, and the hub's `<Track>/test-*.parquet`
(lmms-lab/VideoMMMU and lmms-eval/VideoMMMU). Videos lie in a folder for each discipline, or
together in VLMEvalKit's `videos/`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample, mean, mean_of
from tasks.benchmarks.annotations import Where, find_parts, read_object, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, right_letter
from tasks.benchmarks.protocol import AnswerScore
from tasks.core.types import Sample

_TRACKS = ("Perception", "Comprehension", "Adaptation")
_SUBJECTS = {
    "Art": "Art Art_Theory Design Music",
    "Business": "Accounting Economics Finance Manage Marketing",
    "Science": "Biology Chemistry Geography Math Physics",
    "Medicine": "Basic_Medical_Science Clinical_Medicine Diagnostics_and_Laboratory_Medicine "
    "Pharmacy Public_Health",
    "Humanities": "History Literature Sociology Psychology",
    "Engineering": "Agriculture Architecture_and_Engineering Computer_Science Electronics "
    "Energy_and_Power Materials Mechanical_Engineering",
}
_DISCIPLINE_OF = {
    subject: discipline
    for discipline, subjects in _SUBJECTS.items()
    for subject in subjects.split()
}
_ID = re.compile(r"[^_]+_(.+)_[^_]+")
_UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class _Row:
    id: str
    question: str
    answer: str
    options: list[str] | str | None = None


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for track in _TRACKS:
        for where, row in _rows(source, track):
            options = where.texts("options", row.options or [])
            if not options or len(row.answer.strip()) != 1:
                continue  # One of the 20 open questions, which are no part of the paper's score.
            facts = choice_facts(options)
            discipline = _discipline(row.id)
            yield make_sample(
                "videommmu",
                f"{track}-{row.id}",
                kind=track,
                files=[(row.id, source.videos.find(row.id, (discipline, "videos")))],
                question=ask_choice(row.question, options, source.conditions),
                answer=right_letter(where, "answer", row.answer, facts),
                facts=facts,
                tags={"track": track, "discipline": discipline},
            )


def _rows(source: BenchmarkSource, track: str) -> Iterator[tuple[Where, _Row]]:
    name = f"{track.lower()}_video.json"
    paths = find_parts(
        source.root, f"data/{name}", f"{track}/test-*.parquet", f"{track}.parquet", name
    )
    path = paths[0]
    if path.suffix.lower() == ".parquet":
        yield from read_rows_of(paths, _Row)
        return
    rows = read_object(path).get(track)
    if not isinstance(rows, dict):
        raise Where(path, track).error(
            track, "expected an object of questions under the track's name"
        )
    for key, record in rows.items():
        where = Where(path, key)
        yield where, where.parse(_Row, record)


def _discipline(item_id: str) -> str:
    """From an id such as validation_Art_Theory_7."""
    found = _ID.fullmatch(item_id)
    return _DISCIPLINE_OF.get(found[1], _UNKNOWN) if found else _UNKNOWN


def _metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    return {"mean of tracks": mean(mean_of("track")(rows, lambda row: row.paper))}


VIDEOMMMU = Adapter(
    name="videommmu",
    load=_load,
    num_items=880,
    metrics=_metrics,
    choices=("mean: over questions, not tracks", "<image 1> stays in the text"),
)
