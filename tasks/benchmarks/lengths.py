"""How long the videos are that questions about a time show, by headers and clips: nothing is
decoded."""

import logging
import math
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from rewards.answers import AnswerKind
from tasks.benchmarks.answer_space import length_seconds
from tasks.benchmarks.lookup import missing_of
from tasks.benchmarks.records import BenchmarkFolder
from tasks.benchmarks.viubench.folder import built_clips, is_built
from tasks.core.objects import is_uri
from tasks.core.types import Sample, VideoFile

logger = logging.getLogger(__name__)


def question_lengths(folder: BenchmarkFolder, samples: Sequence[Sample]) -> dict[str, float]:
    """In seconds, by sample id, of the questions that are answered by an interval; those whose
    length is not known are left out."""
    asked = [s for s in samples if s.answer_kind == AnswerKind.INTERVAL and not missing_of(s)]
    if is_built(folder.folder):
        clips = built_clips(folder.folder)
        return {sample.sample_id: length_seconds(sample, clips) for sample in asked}
    if is_uri(folder.folder):
        # A video comes whole from an object store: too much for a length.
        if asked:
            logger.info("%s: the lengths of its videos are not known", folder.name)
        return {}
    # Many questions are about one video.
    seconds_of = cache(partial(_seconds, Path(folder.folder)))
    lengths = {s.sample_id: seconds_of(file) for s in asked if (file := s.views[0].file)}
    return {name: seconds for name, seconds in lengths.items() if seconds > 0}


def _seconds(root: Path, file: VideoFile) -> float:
    """Times in answers count from the start of the file, whatever part of it is shown."""
    from tasks.video.header import read_header  # which loads PyAV

    if file.is_frames:
        return len(file.paths) / file.fps if file.fps else math.nan
    try:
        header = read_header(root / file.paths[0])
    except (OSError, ValueError):  # whoever asks the question says why
        return math.nan
    return header.num_frames * header.frame_seconds
