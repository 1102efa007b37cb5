"""Why an input was not accepted: short fixed phrases, so that counts by reason make sense."""

from enum import StrEnum

from tasks.video.errors import Problem


class Reason(StrEnum):
    """`Rejection.reason`."""

    EMPTY_FILE = "empty file"
    NOT_A_VIDEO = Problem.NOT_A_VIDEO.value
    INCOMPLETE_FILE = Problem.INCOMPLETE_FILE.value
    NO_VIDEO_STREAM = Problem.NO_VIDEO_STREAM.value
    UNSUPPORTED_CODEC = Problem.UNSUPPORTED_CODEC.value
    NO_TIMESTAMPS = Problem.NO_TIMESTAMPS.value
    TOO_FEW_FRAMES = Problem.TOO_FEW_FRAMES.value
    DECODE_ERRORS = Problem.DECODE_ERRORS.value
    STATIC = "static"
    EXACT_DUPLICATE = "exact duplicate"
    OUTSIDE_FOLDER = "outside the folder"
    """A link that leads out of the folder given."""
    UNREADABLE = "cannot be read"
    """Missing by now, no permission, a directory behind a link."""
    UNEXPECTED = "unexpected error"
    """Ours to mend; tried again on the next run."""
