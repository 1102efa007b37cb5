"""Why a file gives no frames, and what is worth knowing of one that does: short fixed phrases that
can be counted."""

from enum import StrEnum


class Problem(StrEnum):
    """Kinds of unusable files."""

    NOT_A_VIDEO = "not a video"
    INCOMPLETE_FILE = "incomplete file"
    """Starts as a video container and is cut off before its index (an mp4 without moov)."""
    NO_VIDEO_STREAM = "no video stream"
    UNSUPPORTED_CODEC = "codec not supported"
    ENCRYPTED = "encrypted"
    DISPLAY_MATRIX = "display matrix not supported"
    """It asks for something else than one of the eight ways to turn and mirror a picture."""
    UNSUPPORTED_COLOURS = "colours not supported"
    """How the picture's numbers become RGB is unknown to FFmpeg's scaler."""
    NO_TIMESTAMPS = "no time stamps"
    TOO_FEW_FRAMES = "too few frames"
    DECODE_ERRORS = "decode errors"


class Remark(StrEnum):
    """Kinds of warnings on a video whose frames are used; a warning is `kind: detail`."""

    DAMAGED_CONTAINER = "damaged container"
    DAMAGED_FRAMES = "damaged frames"
    SHORTER = "shorter than its header says"
    NO_TIMESTAMPS = "no time stamps"
    NOT_SEEKABLE = "not seekable"
    SEVERAL_STREAMS = "several video streams"
    HDR = "HDR"
    COLOURS = "unusual colours"
    """Shown as if they were those of BT.709, as FFmpeg does it; players that know better show them
    otherwise."""
    TRANSPARENT = "transparent"
    SEVERAL_VIEWS = "more than one flat picture"
    ODD_MATRIX = "odd display matrix"
    CHANGES = "size or orientation changes"

    def of(self, detail: str) -> str:
        """The warning."""
        return f"{self}: {detail}"


def kind_of(warning: str) -> str:
    """What kind of warning it is."""
    return warning.partition(":")[0]


class VideoError(ValueError):
    """The file cannot be used; `detail` says what was measured and what was expected."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem = problem
        self.detail = detail
