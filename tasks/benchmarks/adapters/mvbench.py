"""MVBench: 20 tasks of 200 questions each (OpenGVLab/MVBench), in the layout of the first release
or with cut clips.

The first release (`json/<task>.json`) gives start and end of a part of the video; the second
(`test.json`) comes with the parts cut out, though its rows may still state them. So bounds count
only where the whole video was found.

Names such as video_1.mp4 occur in several tasks, so a video counts only in its task's folder,
wherever that lies. The folders are those of VLMEvalKit vlmeval/dataset/mvbench.py (first release)
and of EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mvbench/utils.py (second), which also say that
`data0613` holds what was added later. VLMEvalKit's MVBench.tsv is written from `json/`, which lies
beside it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, each_question, make_sample, mean_of
from tasks.benchmarks.annotations import Where, find_file, read_object, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts
from tasks.core.types import Sample, VideoFile
from tasks.video.official import select_frames

_CLEVRER, _PERCEPTION, _STAR = (
    "clevrer/video_validation",
    "perception/videos",
    "star/Charades_v1_480",
)
_STAR_CUT = "star/Charades_segment"
_TVQA_PICTURES, _TVQA_PICTURES_PER_SECOND = "tvqa/frames_fps3_hq", 3.0
_LATER = "data0613"


@dataclass(frozen=True)
class _Place:
    """Where a task's videos lie."""

    whole: str
    cut: str = ""
    """Folder of the second release, if it holds parts of the videos."""
    other: str = ""
    """Folder of the second release, if it holds the same videos in another format."""


_PLACES: dict[str, _Place] = {
    **{
        task: _Place(_STAR, cut=_STAR_CUT)
        for task in ("action_sequence", "action_prediction", "object_interaction")
    },
    "action_localization": _Place("sta/sta_video", cut="sta/sta_video_segment"),
    "episodic_reasoning": _Place(_TVQA_PICTURES, cut="tvqa/video_fps3_hq_segment"),
    "action_antonym": _Place("ssv2_video", other="ssv2_video_mp4"),
    "fine_grained_action": _Place("Moments_in_Time_Raw/videos"),
    "unexpected_action": _Place("FunQA_test/test"),
    **{
        task: _Place(_CLEVRER)
        for task in (
            "object_existence",
            "moving_direction",
            "moving_count",
            "moving_attribute",
            "counterfactual_inference",
        )
    },
    **{
        task: _Place(_PERCEPTION)
        for task in ("object_shuffle", "action_count", "state_change", "character_order")
    },
    "scene_transition": _Place("scene_qa/video"),
    "fine_grained_pose": _Place("nturgbd", other="nturgbd_convert"),
    "egocentric_navigation": _Place("vlnqa"),
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    video: str
    question: str
    candidates: list[str]
    answer: str
    """Text of one candidate."""
    start: float | None = None
    end: float | None = None


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    counts: Counter[str] = Counter()
    for task, where, row in _rows(source):
        number, counts[task] = counts[task], counts[task] + 1
        facts = choice_facts(row.candidates)
        texts = [candidate.strip() for candidate in row.candidates]
        if row.answer.strip() not in texts:
            raise where.error("answer", f"got {row.answer!r:.80}, expected one of {texts}")
        yield make_sample(
            "mvbench",
            f"{task}-{number}",
            kind=task,
            files=[(f"{_PLACES[task].whole}/{row.video}", _video(source, _PLACES[task], row))],
            question=ask_choice(row.question, row.candidates, source.conditions),
            answer=facts.letters[texts.index(row.answer.strip())],
            facts=facts,
            tags={"task": task},
        )


def _rows(source: BenchmarkSource) -> Iterator[tuple[str, Where, _Row]]:
    if not (source.root / "test.json").is_file():
        for task in _PLACES:
            path = find_file(source.root, f"json/{task}.json", f"{task}.json")
            yield from ((task, where, row) for where, row in read_rows_of(path, _Row))
        return
    path = source.root / "test.json"
    meta = read_object(path).get("meta")
    if (
        not isinstance(meta, dict)
        or set(meta) != set(_PLACES)
        or not all(isinstance(v, list) for v in meta.values())
    ):
        raise Where(path, "meta").error(
            "meta", f"expected an object with a list for each of {', '.join(_PLACES)}"
        )
    for task in _PLACES:
        for number, record in enumerate(meta[task]):
            where = Where(path, f"{task} {number}")
            yield task, where, where.parse(_Row, record)


def _video(source: BenchmarkSource, place: _Place, row: _Row) -> VideoFile:
    names = [name for name in (place.whole, place.other, place.cut) if name]
    if place.whole == _TVQA_PICTURES:
        pictures = source.videos.find_frames(row.video, place.whole, later=_LATER)
        if pictures.paths:
            return _pictures(source, pictures.paths, row)
        names.remove(place.whole)
    found = source.videos.find(row.video, better=names, at_top=False, later=_LATER)
    if row.start is None or row.end is None or not found.paths or not place.cut:
        return found
    is_cut = PurePosixPath(found.paths[0]).parent.as_posix().endswith(place.cut)
    return (
        found
        if is_cut
        else VideoFile(paths=found.paths, start_seconds=row.start, stop_seconds=row.end)
    )


def _pictures(source: BenchmarkSource, pictures: Sequence[str], row: _Row) -> VideoFile:
    """The pictures that the sampling rule takes: they are numbered from 1, three a second."""
    rate, last = _TVQA_PICTURES_PER_SECOND, len(pictures)
    start, end = row.start or 0.0, row.end if row.end is not None else last / rate
    inside = pictures[
        min(max(round(start * rate), 1), last) - 1 : min(max(round(end * rate), 1), last)
    ]
    try:
        chosen = select_frames(
            len(inside), rate, fps=source.conditions.fps, max_frames=source.conditions.max_frames
        )
    except ValueError as error:
        return VideoFile(
            paths=(), missing=f"pictures of {row.video!r} from {start} to {end} s: {error}"
        )
    shown = tuple(inside[index] for index in chosen.indices)
    # The chosen pictures over the length of the part in seconds: the rate that their times are made
    # of.
    return VideoFile(paths=shown, is_frames=True, fps=len(shown) / (len(inside) / rate))


MVBENCH = Adapter(
    name="mvbench", load=_load, num_items=4000, units=mean_of("task"), official_units=each_question
)
"""The official notebook (video_chat2/mvbench.ipynb of github.com/OpenGVLab/Ask-Anything) averages
over questions."""
