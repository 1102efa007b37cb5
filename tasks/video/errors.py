"""Why a file gives no frames."""

from enum import StrEnum


class Problem(StrEnum):
    """Kinds of unusable files: short fixed phrases, so that they can be counted."""

    NOT_A_VIDEO = "not a video"
    INCOMPLETE_FILE = "incomplete file"
    """Starts as a video container and is cut off before its index (an mp4 without moov)."""
    NO_VIDEO_STREAM = "no video stream"
    UNSUPPORTED_CODEC = "codec not supported"
    NO_TIMESTAMPS = "no time stamps"
    TOO_FEW_FRAMES = "too few frames"
    DECODE_ERRORS = "decode errors"


class VideoError(ValueError):
    """The file cannot be used; `detail` says what was measured and what was expected."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem = problem
        self.detail = detail
