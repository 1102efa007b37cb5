import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.video.contact_sheet import SheetRow, contact_sheet, shown_frames
from tests.helpers.videos import moving_frames


def picture(
    rows: list[SheetRow], captions: list[str] | None = None, most_tiles: int = 16
) -> np.ndarray:
    return np.asarray(
        Image.open(io.BytesIO(contact_sheet(rows, captions or [], most_tiles=most_tiles)))
    )


def num_red(pixels: np.ndarray) -> int:
    return int((pixels == (220, 38, 38)).all(axis=-1).sum())


def test_marked_frames_get_a_red_border() -> None:
    frames = moving_frames(8)
    assert (
        num_red(picture([SheetRow(frames=frames, marked=[2, 3])]))
        > num_red(picture([SheetRow(frames=frames, marked=[2])]))
        > 0
    )
    assert num_red(picture([SheetRow(frames=frames)])) == 0


def test_long_captions_wrap_instead_of_running_out() -> None:
    rows = [SheetRow(frames=moving_frames(2))]
    short, long = picture(rows, ["short"]), picture(rows, ["a longer question " * 30, "x" * 400])
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]


def test_several_videos_are_stacked() -> None:
    one = SheetRow(frames=moving_frames(4), label="video 1")
    assert picture([one, one]).shape[0] > 1.8 * picture([one]).shape[0] - 20


def test_frames_may_have_names_and_a_row_may_be_a_label_alone() -> None:
    frames = moving_frames(2)
    numbered, named = (
        picture([SheetRow(frames=frames, names=names)]) for names in ((), ("part 1", "part 2"))
    )
    assert numbered.shape == named.shape
    assert (numbered != named).any()
    alone = picture([SheetRow(frames=frames[:0], label="no order")])
    assert alone.shape[0] < named.shape[0] / 2


@given(st.integers(1, 200), st.integers(1, 40))
def test_shown_frames_are_distinct_and_start_with_the_first(
    num_frames: int, most_tiles: int
) -> None:
    shown = shown_frames(num_frames, most_tiles)
    assert len(shown) == min(num_frames, most_tiles)
    assert shown[0] == 0
    assert shown == sorted(set(shown))
    assert shown[-1] == num_frames - 1 or most_tiles == 1


@pytest.mark.slow
def test_a_single_marked_frame_is_never_left_out() -> None:
    rows = [SheetRow(frames=moving_frames(48), marked=[frame]) for frame in range(48)]
    assert all(num_red(picture([row])) > 0 for row in rows)


def test_no_video_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
