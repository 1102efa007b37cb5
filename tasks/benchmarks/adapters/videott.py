"""Video-TT, multiple choice: about 1,000 questions on YouTube Shorts (lmms-lab/video-tt). Not its
robustness score.

Forms that are read: the hub's `data/test-*.parquet`, and `Video-TT.tsv`, which VLMEvalKit writes
from it with `video` for a column. Videos lie in one of the authors' two archives, of which the
better comes first, or in VLMEvalKit's `video/` (EvolvingLMMs-Lab/lmms-eval
lmms_eval/tasks/video-tt/utils.py, VLMEvalKit vlmeval/dataset/videott.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.core.types import Sample, VideoFile

_FILES = ("data/test-*.parquet", "test-*.parquet", "video-tt.jsonl", "Video-TT.tsv")
_BETTER = ("Benchmark-AllVideos-HQ-encoded", "Benchmark-AllVideos-LQ")
_FOLDERS = ("video", "videos")


@dataclass(frozen=True, kw_only=True)
class _Row:
    video_id: str
    question: str
    """With its option lines; the column `question_prompt` is left out, as the paper's one line
    replaces it."""
    answer: str
    capability: str = ""
    options: str | None = None
    """Newer exports: the option lines once more, or only here."""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_parts(source.root, *_FILES), _Row, {"video": "video_id"}):
        question = row.question
        if not options_in(question) and row.options:
            question = f"{question.rstrip()}\n{row.options.strip()}"
        facts = choice_facts(options_in(question))
        yield make_sample(
            "videott",
            where.row,
            kind=row.capability,
            files=[(row.video_id, _video(source, row.video_id))],
            question=ask_choice(question, (), source.conditions),
            answer=right_letter(where, "answer", row.answer, facts),
            facts=facts,
            tags={"capability": row.capability},
        )


def _video(source: BenchmarkSource, name: str) -> VideoFile:
    return source.videos.find(name, _FOLDERS, better=_BETTER, link_id=name)


VIDEOTT = Adapter(name="videott", load=_load)
