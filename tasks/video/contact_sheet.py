"""Frames on one picture, for people: what a sample shows, which frames were altered, what was
asked."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tasks.video.frames import Frame, Frames

_GAP_PX, _BORDER_PX = 6, 3
_TEXT_PX, _LINE_PX = 14, 19
BACKGROUND, INK, FAINT, MARK = (255, 255, 255), (25, 28, 33), (110, 116, 125), (220, 38, 38)
_COLUMNS = 8
_TILE_WIDTH_PX = 120


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One video on the sheet."""

    frames: Frames
    marked: Collection[int] = ()
    """Frames that get a red border."""
    label: str = ""
    names: Sequence[str] = ()
    """What stands below each frame; its number unless given."""


def contact_sheet(
    rows: Sequence[SheetRow], captions: Sequence[str] = (), *, most_tiles: int = 16
) -> bytes:
    """A PNG: the captions, then each video with at most `most_tiles` of its frames, evenly spaced.

    Raises:
        ValueError: there is no video.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one video")
    width = _COLUMNS * (_TILE_WIDTH_PX + _GAP_PX) + _GAP_PX
    blocks = [text_block(wrap(caption, width), width, INK) for caption in captions]
    for row in rows:
        shown = _with_some(shown_frames(len(row.frames), most_tiles), row.marked)
        blocks += [text_block([_label(row, shown)], width, FAINT), _tiles(row, shown, width)]
    sheet = Image.new("RGB", (width, sum(block.height for block in blocks) + _GAP_PX), BACKGROUND)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def shown_frames(num_frames: int, most_tiles: int) -> list[int]:
    """Which frames get a tile: all if they fit, else evenly spaced with the first and the last."""
    return sorted({round(i) for i in np.linspace(0, num_frames - 1, min(num_frames, most_tiles))})


def _with_some(shown: Sequence[int], marked: Collection[int]) -> list[int]:
    """`shown` with marked frames in place of their unmarked neighbours, if they are few enough to
    be missed."""
    tiles = set(shown)
    if len(set(marked)) > len(shown) // 2:
        return sorted(tiles)
    for frame in sorted(set(marked) - tiles):
        # The first and the last frame stay, or the sheet would not say how long the video is.
        inner = tiles - set(marked) - {shown[0], shown[-1]}
        if inner:
            tiles.remove(min(inner, key=lambda tile: (abs(tile - frame), tile)))
            tiles.add(frame)
    return sorted(tiles)


def _label(row: SheetRow, shown: Sequence[int]) -> str:
    if row.names or not shown:
        return row.label
    parts = [row.label, f"{len(shown)} of {len(row.frames)} frames shown"]
    if row.marked:
        num_visible = len(set(row.marked) & set(shown))
        parts.append(f"red border: {num_visible} of {len(set(row.marked))} frames of the answer")
    return "  ·  ".join(part for part in parts if part)


def _tiles(row: SheetRow, shown: Sequence[int], width: int) -> Image.Image:
    height_px = round(_TILE_WIDTH_PX * row.frames.shape[1] / row.frames.shape[2])
    num_lines = -(-len(shown) // _COLUMNS)
    block = Image.new("RGB", (width, num_lines * (height_px + _LINE_PX + _GAP_PX)), BACKGROUND)
    draw = ImageDraw.Draw(block)
    for position, index in enumerate(shown):
        left = _GAP_PX + position % _COLUMNS * (_TILE_WIDTH_PX + _GAP_PX)
        top = position // _COLUMNS * (height_px + _LINE_PX + _GAP_PX)
        is_marked = index in row.marked
        block.paste(_tile(row.frames[index], height_px, is_marked), (left, top))
        draw.text(
            (left + 1, top + height_px + 1),
            row.names[index] if row.names else str(index),
            fill=MARK if is_marked else FAINT,
            font=_font(),
        )
    return block


def _tile(frame: Frame, height_px: int, is_marked: bool) -> Image.Image:
    # Nearest neighbour when enlarging: the person sees the very pixels the model gets.
    enlarges = frame.shape[1] < _TILE_WIDTH_PX
    method = Image.Resampling.NEAREST if enlarges else Image.Resampling.BICUBIC
    tile = Image.fromarray(frame).resize((_TILE_WIDTH_PX, height_px), method)
    if is_marked:
        corners = (0, 0, _TILE_WIDTH_PX - 1, height_px - 1)
        ImageDraw.Draw(tile).rectangle(corners, outline=MARK, width=_BORDER_PX)
    return tile


def text_block(lines: Sequence[str], width: int, color: tuple[int, int, int]) -> Image.Image:
    """Lines of text on white."""
    block = Image.new("RGB", (width, len(lines) * _LINE_PX + _GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(block)
    for number, line in enumerate(lines):
        draw.text((_GAP_PX, _GAP_PX // 2 + number * _LINE_PX), line, fill=color, font=_font())
    return block


def wrap(text: str, width: int) -> list[str]:
    """Lines that fit; a word longer than a line is cut."""
    font, lines = _font(), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width - 2 * _GAP_PX:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for character in word:
            if font.getlength(lines[-1] + character) > width - 2 * _GAP_PX:
                lines.append("")
            lines[-1] += character
    return lines


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_TEXT_PX)
