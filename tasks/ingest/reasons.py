"""Why an input was not accepted: short fixed phrases, so that counts by reason make sense."""

from enum import StrEnum
from typing import NamedTuple

from tasks.video.errors import Problem
from tasks.video.worker import Failure


class Reason(StrEnum):
    """`Rejection.reason`."""

    EMPTY_FILE = "empty file"
    NOT_A_VIDEO = Problem.NOT_A_VIDEO.value
    INCOMPLETE_FILE = Problem.INCOMPLETE_FILE.value
    NO_VIDEO_STREAM = Problem.NO_VIDEO_STREAM.value
    UNSUPPORTED_CODEC = Problem.UNSUPPORTED_CODEC.value
    ENCRYPTED = Problem.ENCRYPTED.value
    DISPLAY_MATRIX = Problem.DISPLAY_MATRIX.value
    UNSUPPORTED_COLOURS = Problem.UNSUPPORTED_COLOURS.value
    NO_TIMESTAMPS = Problem.NO_TIMESTAMPS.value
    TOO_FEW_FRAMES = Problem.TOO_FEW_FRAMES.value
    DECODE_ERRORS = Problem.DECODE_ERRORS.value
    CRASHED = Failure.CRASHED.value
    TOO_SLOW = Failure.TOO_SLOW.value
    TOO_MUCH_MEMORY = Failure.TOO_MUCH_MEMORY.value
    INTERRUPTED = Failure.INTERRUPTED.value
    """Its worker was killed from outside, each time: not examined, tried again on the next run."""
    FRAMES_TOO_LARGE = "frames too large"
    FRAMES_TOO_SMALL = "frames too small"
    TOO_SHORT = "too short"
    BLANK = "black or blank"
    STATIC = "static"
    TOO_FEW_DISTINCT = "too few distinct frames"
    EXACT_DUPLICATE = "exact duplicate"
    NEAR_DUPLICATE = "near duplicate"
    FORBIDDEN = "looks like a video to be avoided"
    """Of a benchmark, for instance (`ingest.avoid`)."""
    SHARD_FAILED = "its shard failed"
    """The pod that should have read it ended for good; tried again on the next run."""
    OUTSIDE = "outside the given places"
    """A link, a `..` or a URI that leads out of what may be read."""
    WRONG_CHECKSUM = "not what its checksum promises"
    """Damaged or exchanged since the checksum was made, or only half copied."""
    FILE_TOO_LARGE = "file too large to fetch"
    UNREADABLE = "cannot be read"
    """Missing by now, no permission, a directory behind a link, a server that does not answer."""
    UNEXPECTED = "unexpected error"
    """A defect of ours; tried again on the next run."""


class Flaw(NamedTuple):
    """Why a file is of no use, and what was measured."""

    reason: Reason
    detail: str


class SourceError(ValueError):
    """An input that may not be read, or cannot be."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.flaw = Flaw(reason, detail)
