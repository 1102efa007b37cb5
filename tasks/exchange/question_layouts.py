"""The layouts of published questions, which we only read; a rule must be able to check the answer.

The universal layout: one record a question, what evaluation scripts share

    video, question, answer, fps

Video-R1-260k and SpaceR-151k: a JSON list, or JSON lines

    problem        the question, without its options
    problem_type   multiple choice, numerical, OCR, free-form, regression
    options        ["A. text", ...]; empty but for multiple choice
    solution       <answer>B</answer>
    path           ./LLaVA-Video-178K/... from the folder of the data set
    data_type      video, or image
    problem_id, data_source, and process (the thoughts of Video-R1-COT-165k) are left out

LongVideo-Reason: Parquet or JSON lines

    problem        the question, and its options each on a line of its own
    videos         longvila_videos/....mp4 from the folder of the videos
    answer         <answer>B</answer>, or the letter alone; in `openended.jsonl` words (no rule)
    reasoning      thoughts for a warm start, left out
    problem_type   goal, temporal, spatial, plot; where it says nothing, the answer shows what it is
    options        not theirs: of projects that go on with this layout, as is a list of one video

ReWatch (ReWatch-QA, and the questions of ReWatch-CoT): a JSON list

    source         VideoEspresso, Video-R1, MiraData, Vript or VideoMarathon: whose video it is
    video_path     from the folder where that data set lies
    question       with its options inside, or beside it
    answer         a letter; half of the questions are open: no rule can check those
    options        a list, or an object from letters to texts

Its five data sets lie in five folders, so a video is looked for as `source/video_path` below the
root; rewrite the beginning where a folder is called otherwise (`MiraData/=mira_data/`).

Sources: the data card of Video-R1/Video-R1-data (options follow the question as its authors put
them there); NVlabs/Long-RL, longvideo-reason/step6_reformat_reasoning_data.py,
verl/utils/dataset.py, eval/eval.py; the data card of zcccccz/ReWatch, which shows `source` and
`video_path`. Neither it nor the README of alibaba/ReWatch-R1 shows the others: their names follow
the paper (arXiv 2509.23652) and were not compared with the files. See `verifiable` too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.exchange.row import JsonAnswer, Row, build_row, validated
from tasks.exchange.verifiable import Options, check_is_video, verifiable


def read_universal(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    read: _Universal = validated(_Universal, record)
    return build_row([(read.video, read.fps)], read.question, str(read.answer), record)


def read_video_r1(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, or no rule can check the answer.
    """
    r: _VideoR1 = validated(_VideoR1, record)
    check_is_video(r.data_type, [r.path])
    return _checkable([r.path], r.problem, r.solution, r.problem_type, r.options, "solution")


def read_long_video_reason(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, or no rule can check the answer.
    """
    r: _LongVideoReason = validated(_LongVideoReason, record)
    names = [r.videos] if isinstance(r.videos, str) else r.videos
    check_is_video(r.data_type, names)
    return _checkable(names, r.problem, r.answer, r.problem_type, r.options, "answer")


def read_rewatch(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, or no rule can check the answer.
    """
    r: _ReWatch = validated(_ReWatch, record)
    check_is_video("video", [r.video_path])
    name = f"{r.source}/{r.video_path}" if r.source else r.video_path
    return _checkable([name], r.question, r.answer, "", r.options, "answer")


@dataclass(frozen=True, kw_only=True)
class _Universal:
    video: str | list[str]
    question: str
    answer: JsonAnswer
    fps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _VideoR1:
    problem: str
    solution: JsonAnswer
    path: str
    problem_type: str
    data_type: str = "video"
    options: Options = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _LongVideoReason:
    problem: str
    videos: str | list[str]
    answer: JsonAnswer
    problem_type: str = ""
    data_type: str = "video"
    options: Options = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _ReWatch:
    video_path: str
    question: str
    answer: JsonAnswer
    source: str = ""
    options: Options = field(default_factory=list)


def _checkable(
    videos: list[str],
    problem: str,
    answer: JsonAnswer,
    problem_type: str,
    options: Options,
    field_name: str,
) -> Row:
    question = verifiable(problem, answer, problem_type, options, field_name)
    info = {"answer_kind": question.answer_kind, "kind": question.kind}
    return build_row([(name, 0.0) for name in videos], question.question, question.answer, info)
