"""What a player does to a decoded picture before it is seen, apart from its size: crop it, turn it,
read its colours.

All of it is said by the file, and is taken from the first frame that decodes: what stands beside
the pictures (SEI) may come with that one alone, and holds for all. FFmpeg is the measure
(`configure_input_video_filter` in FFmpeg's fftools/ffmpeg_filter.c), except for HDR, which it hands
on as it is and players map to what a screen can show.
"""

import math
import re
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from av.container import InputContainer
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from tasks.video.container import description
from tasks.video.errors import Problem, Remark, VideoError

HDR_TRANSFERS = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
"""What has to be mapped to be seen on a screen of BT.709."""
_MATRIX = "=9i"
"""libavutil/display.h: a b u, c d v, x y w; (p, q) is shown at (a p + c q + x, b p + d q + y)."""
_ONE, _ONE_OF_W = 1 << 16, 1 << 30
_SINE_OF_HALF_A_DEGREE = math.sin(math.radians(0.5))
"""So far from a quarter of a turn FFmpeg takes a matrix for one: it rounds the angle to whole
degrees."""
_SAME_SCALE = 0.01
_WIDE = frozenset(
    {
        ColorPrimaries.BT2020,
        ColorPrimaries.SMPTE428,
        ColorPrimaries.SMPTE431,
        ColorPrimaries.SMPTE432,
    }
)
_ODD_TRANSFERS = frozenset({ColorTrc.LINEAR, ColorTrc.LOG, ColorTrc.LOG_SQRT, ColorTrc.SMPTE428})
_DOLBY = frozenset({Type.DOVI_METADATA, Type.DOVI_RPU_BUFFER})
_CROPPING = re.compile(r"Stream #0:(\d+)|Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)", re.IGNORECASE)


class Crop(NamedTuple):
    """Pixels of the decoded picture that are not shown."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class Orientation(NamedTuple):
    """How the decoded picture is turned and mirrored: transposed first, then flipped."""

    is_transposed: bool = False
    flips_rows: bool = False
    """Upside down."""
    flips_columns: bool = False


AS_STORED, UNCROPPED = Orientation(), Crop()


@dataclass(frozen=True, kw_only=True)
class Display:
    """How the pictures of a video are shown."""

    pixel_aspect: float = 1.0
    """Width of a pixel as shown, its height being 1."""
    orientation: Orientation = AS_STORED
    crop: Crop = UNCROPPED


def orientation_of(matrix: tuple[int, ...]) -> Orientation:
    """What a display matrix of nine numbers asks for.

    Raises:
        VideoError: something else than turning by quarters and mirroring.
    """
    (a, b, u), (c, d, v) = matrix[0:3], matrix[3:6]
    scale = max(map(abs, (a, b, c, d)))
    if not scale:
        return AS_STORED  # Written by careless programs; nobody shows nothing for it.
    near, far = (a, d), (b, c)
    # In a matrix of quarter turns one pair of numbers is large and the other 0; which one is large
    # tells whether rows and columns change places.
    is_transposed = abs(b) > abs(a)
    if is_transposed:
        near, far = far, near
    is_known = all(abs(part) >= (1 - _SAME_SCALE) * scale for part in near)
    is_known &= all(abs(part) <= _SINE_OF_HALF_A_DEGREE * scale for part in far)
    if not is_known or u or v:
        raise VideoError(
            Problem.DISPLAY_MATRIX, f"{_shown(matrix)}; only quarter turns and mirrors are"
        )
    # By the formula at `_MATRIX`: transposed, q runs across and p down, so the sign of c mirrors
    # columns and that of b rows.
    across, down = (c, b) if is_transposed else (a, d)
    return Orientation(is_transposed=is_transposed, flips_rows=down < 0, flips_columns=across < 0)


def matrix_of(frame: VideoFrame) -> tuple[int, ...] | None:
    """The display matrix that comes with a frame."""
    found = [data for data in _side_data(frame) if data.type is Type.DISPLAYMATRIX]
    return struct.unpack(_MATRIX, bytes(found[0])) if found else None


def remarks_on(frame: VideoFrame, stream: VideoStream) -> tuple[str, ...]:
    """What a player might show otherwise, by the first frame."""
    remarks = [*_remarks_on_colours(frame)]
    if stream.metadata.get("alpha_mode") == "1" or any(
        part.is_alpha for part in frame.format.components
    ):
        remarks.append(Remark.TRANSPARENT.of("shown without its transparency"))
    for data in _side_data(frame):
        if data.type is Type.SPHERICAL:
            remarks.append(
                Remark.SEVERAL_VIEWS.of(
                    "a picture of all directions (360 degrees), shown as stored"
                )
            )
        # AVStereo3D begins with its type, of which 0 is an ordinary picture.
        elif data.type is Type.STEREO3D and struct.unpack_from("=i", bytes(data))[0]:
            remarks.append(
                Remark.SEVERAL_VIEWS.of("two views for two eyes (stereo), shown as stored")
            )
    matrix = matrix_of(frame)
    scale = max(map(abs, (*matrix[0:2], *matrix[3:5]))) / _ONE if matrix else 1.0
    if matrix and abs(scale - 1) > _SAME_SCALE:
        remarks.append(Remark.ODD_MATRIX.of(f"{_shown(matrix)}; its scale was ignored"))
    return tuple(remarks)


def crop_of(container: InputContainer, stream: VideoStream) -> Crop:
    """What the container (clean aperture of mp4, PixelCrop of Matroska) says is not shown of a
    stream's pictures.

    PyAV does not hand on this side data of a stream.
    """
    # The text names a stream and then what it has: a crop is that of the stream named last.
    index, crops = -1, dict[int, Crop]()
    for found in _CROPPING.finditer(description(container)):
        if found[1]:
            index = int(found[1])
        else:
            crops[index] = Crop(*map(int, found.groups()[1:]))
    crop = crops.get(stream.index, UNCROPPED)
    is_sane = crop.left + crop.right < stream.width and crop.top + crop.bottom < stream.height
    return crop if is_sane else UNCROPPED


def _remarks_on_colours(frame: VideoFrame) -> list[str]:
    transfer, primaries = frame.color_trc, frame.color_primaries
    if any(data.type in _DOLBY for data in _side_data(frame)):
        return [Remark.HDR.of("Dolby Vision, shown by what its base layer says")]
    if transfer in HDR_TRANSFERS:
        return [Remark.HDR.of(f"{HDR_TRANSFERS[ColorTrc(transfer)]}, mapped to BT.709")]
    if transfer in _ODD_TRANSFERS:
        return [Remark.COLOURS.of(f"transfer {ColorTrc(transfer).name} shown as BT.709")]
    if primaries in _WIDE:
        return [Remark.COLOURS.of(f"primaries {ColorPrimaries(primaries).name} shown as BT.709")]
    return []


def _unnamed(kinds: type[Type], number: int) -> Type:
    """FFmpeg has kinds of side data that PyAV does not name, such as EXIF and the displays that
    MV-HEVC is made for.

    It fails on a frame that has one of them, whatever is wanted of it.
    """
    kind: Any = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNNAMED_{number}", number
    return cast(Type, kind)


Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment]


def _side_data(frame: VideoFrame) -> list[SideData]:
    return list(
        cast(Any, frame.side_data)
    )  # It iterates over values; PyAV's stubs have it iterate over keys.


def _shown(matrix: tuple[int, ...]) -> str:
    parts = [value / (_ONE_OF_W if place % 3 == 2 else _ONE) for place, value in enumerate(matrix)]
    rows = (
        "[" + " ".join(f"{value:.4g}" for value in parts[at : at + 3]) + "]" for at in (0, 3, 6)
    )
    return "the display matrix is " + " ".join(rows)
