"""VIUBench: 2,700 pretext questions of nine types on 48 frames each (yhx12/VIUBench), as published
or built here.

The published rows come as the authors' scripts write them for verl (Parquet), or plain with a
`type`; one that build_viubench made from one's own videos is known by its card.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rewards.answers import AnswerKind
from rewards.parse import parse_answer
from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample, mean, mean_of
from tasks.benchmarks.annotations import Where
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.protocol import AnswerScore
from tasks.benchmarks.viubench.folder import built_items, is_built
from tasks.benchmarks.viubench.reading import STRICT, read_viubench
from tasks.benchmarks.wording import Words, worded
from tasks.core.errors import InputError
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.types import BenchmarkFacts, Sample, Split, VideoFile
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type
from tasks.exchange.files import read_records
from tasks.exchange.row import question_of

_FRAMES = 48
_WORDS = Words(usual="{question}")
"""The data hold all that is asked."""
_PRETEXTS = {
    "grounding": "grounding",
    "counting": "counting",
    "shuffled": "jigsaw",
    "jigsaw": "jigsaw",
}
_KINDS = {
    "grounding": AnswerKind.INTERVAL,
    "counting": AnswerKind.COUNTS,
    "jigsaw": AnswerKind.PERMUTATION,
}
_JIGSAW = {6: "jigsaw_easy", 8: "jigsaw_hard"}
"""By number of clips."""
_ANOMALIES = {
    "channel": "channel_swap",
    "swap": "channel_swap",
    "rotat": "rotate_180",
    "zoom": "zoom_out",
    "mirror": "mirror",
    "shuffle": "shuffle",
}
"""By a part of the release's name."""


@dataclass(frozen=True, kw_only=True)
class _Message:
    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class _Video:
    video: list[str] | str
    sample_fps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Truth:
    ground_truth: str


@dataclass(frozen=True, kw_only=True)
class _Verl:
    data_source: str
    prompt: list[_Message]
    videos: list[_Video]
    reward_model: _Truth
    extra_info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Plain:
    video: str | list[str]
    question: str
    answer: str
    type: str = ""
    sample_fps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A row of either shape."""

    type: str
    question: str
    answer: str
    videos: tuple[_Video, ...]
    system: str = ""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    folder = source.files.folder
    for sample in _built(folder) if is_built(folder) else _published(source):
        yield replace(
            sample, question=worded(source.conditions.wording or _WORDS.usual, sample.question)
        )


def _built(folder: str) -> Iterator[Sample]:
    for item in built_items(folder):
        name = viubench_type(item)
        yield replace(
            item,
            sample_id=f"viubench/{item.sample_id}",
            split=Split.BENCHMARK,
            pretext="viubench",
            kind=name,
            benchmark=_facts(item.answer, item.pretext, SYSTEM_PROMPT, name),
        )


def _facts(answer: str, pretext: str, system: str, name: str) -> BenchmarkFacts:
    window = re.findall(r"[\d.]+", answer) if pretext == "grounding" else []
    return BenchmarkFacts(
        windows=((float(window[0]), float(window[1])),) if window else (),
        system_prompt=system,
        video_label="Clip",
        tags={"type": (name,), "pretext": (pretext,)},
    )


def _published(source: BenchmarkSource) -> Iterator[Sample]:
    for path in _files(source.root):
        for number, record in read_records(path):
            where = Where(path, number)
            item = _item(where, record)
            pretext = VIUBENCH_TYPES[item.type].pretext
            truth = parse_answer(item.answer, _KINDS[pretext])
            if truth is None:
                raise where.error("answer", f"got {item.answer!r:.80}, expected {_KINDS[pretext]}")
            yield make_sample(
                "viubench",
                f"{path.stem}-{number}",
                kind=item.type,
                files=[(_name(video), _file(source, video)) for video in item.videos],
                question=item.question,
                answer=item.answer.strip(),
                answer_kind=_KINDS[pretext],
                facts=_facts(item.answer, pretext, item.system, item.type),
                tags={"type": item.type, "pretext": pretext},
            )


def _files(root: Path) -> list[Path]:
    found = sorted(
        p
        for p in root.rglob("*")
        if p.suffix.lower() in {".parquet", ".jsonl", ".json"} and p.is_file()
    )
    if not found:
        raise InputError(
            f"no annotation file in {str(root)!r}; expected the .parquet or .json files of VIUBench"
        )
    return found


def _item(where: Where, record: object) -> _Item:
    if isinstance(record, Mapping) and "reward_model" in record:
        row = where.parse(_Verl, record)
        text = {message.role: message.content for message in row.prompt}
        return _Item(
            type=_type_of(where, row),
            question=question_of(text.get("user", "")),
            answer=row.reward_model.ground_truth,
            videos=tuple(row.videos),
            system=text.get("system", ""),
        )
    plain = where.parse(_Plain, record)
    if plain.type not in VIUBENCH_TYPES:
        raise where.error(
            "type", f"got {plain.type!r}, expected one of {', '.join(VIUBENCH_TYPES)}"
        )
    return _Item(
        type=plain.type,
        question=question_of(plain.question),
        answer=plain.answer,
        videos=(_Video(video=plain.video, sample_fps=plain.sample_fps),),
    )


def _type_of(where: Where, row: _Verl) -> str:
    """Found out, because rows do not state it: by anomaly, by number of clips, or by file name."""
    pretext = _PRETEXTS.get(row.data_source)
    if pretext == "grounding":
        told = str(row.extra_info.get("perturbation_type", "")).lower()
        kinds = [kind for part, kind in _ANOMALIES.items() if part in told]
        if kinds:
            return f"grounding_{kinds[0]}"
        raise where.error(
            "extra_info.perturbation_type", f"got {told!r}, expected one of {', '.join(_ANOMALIES)}"
        )
    if pretext == "jigsaw":
        if len(row.videos) in _JIGSAW:
            return _JIGSAW[len(row.videos)]
        raise where.error("videos", f"got {len(row.videos)} clips, expected 6 (easy) or 8 (hard)")
    if pretext == "counting":
        for difficulty in ("easy", "hard"):
            if difficulty in f"{where.file.stem} {row.extra_info.get('difficulty', '')}".lower():
                return f"counting_{difficulty}"
        raise where.error(
            "extra_info.difficulty", "expected easy or hard, here or in the name of the file"
        )
    raise where.error(
        "data_source", f"got {row.data_source!r}, expected one of {', '.join(_PRETEXTS)}"
    )


def _name(video: _Video) -> str:
    """Of pictures their folder."""
    return (
        video.video
        if isinstance(video.video, str)
        else str(Path(video.video[0]).parent)
        if video.video
        else ""
    )


def _file(source: BenchmarkSource, video: _Video) -> VideoFile:
    if isinstance(video.video, str):
        return source.videos.find(video.video, ("videos",))
    return source.videos.find_listed(video.video, video.sample_fps)


def _metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    """Types count equally, as in the headline."""
    return {STRICT: mean(mean_of("type")(rows, lambda row: row.values.get(STRICT, 0.0)))}


VIUBENCH = Adapter(
    name="viubench",
    load=_load,
    num_items=2700,
    read=read_viubench,
    units=mean_of("type"),
    metrics=_metrics,
    words=_WORDS,
    conditions=Conditions(max_frames=_FRAMES),
    frames=(_FRAMES,),
)
