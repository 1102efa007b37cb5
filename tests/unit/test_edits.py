import numpy as np
import pytest

from tasks.core.edits import DrawEdit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.video.edits import apply_edits, shape_mask
from tasks.video.transforms import SPAN_TRANSFORMS, cover
from tests.helpers.clips import make_frames


def span(kind: str, start_frame: int = 1, stop_frame: int = 3, amount: float = 1.5) -> SpanEdit:
    return SpanEdit(kind=kind, start_frame=start_frame, stop_frame=stop_frame, amount=amount)


def shape(kind: str, size: float = 0.5, angle: float = 0.0) -> DrawEdit:
    return DrawEdit(
        frame=1,
        shape=kind,
        centre_x=0.5,
        centre_y=0.5,
        size=size,
        angle_degrees=angle,
        color=(250, 60, 70),
    )


def test_channel_swap_exchanges_red_and_blue() -> None:
    frames = np.full((4, 2, 2, 3), (10, 20, 30), np.uint8)
    assert apply_edits(frames, (span("channel_swap"),))[:, 0, 0].tolist() == [
        [10, 20, 30], [30, 20, 10], [30, 20, 10], [10, 20, 30]
    ]  # fmt: skip


def test_mirror_and_rotation_move_the_corner() -> None:
    frames = np.zeros((4, 2, 3, 3), np.uint8)
    frames[:, 0, 0] = 255
    assert apply_edits(frames, (span("mirror"),))[1, 0, 2, 0] == 255
    assert apply_edits(frames, (span("rotate_180"),))[1, 1, 2, 0] == 255


def test_zoom_out_shrinks_into_a_black_border() -> None:
    edited = apply_edits(np.full((4, 60, 90, 3), 200, np.uint8), (span("zoom_out", amount=1.5),))
    assert np.all(edited[1, 10:50, 15:75] == 200)
    assert edited[1].sum() == 40 * 60 * 3 * 200


def test_grayscale_and_invert_change_colour_only() -> None:
    frames = np.full((4, 2, 2, 3), (100, 150, 200), np.uint8)
    # 0.299 * 100 + 0.587 * 150 + 0.114 * 200 = 140.75
    assert apply_edits(frames, (span("grayscale"),))[1, 0, 0].tolist() == [141, 141, 141]
    assert apply_edits(frames, (span("invert"),))[1, 0, 0].tolist() == [155, 105, 55]


def test_reorder_shows_original_frames_at_other_places() -> None:
    frames = make_frames(6)
    edited = apply_edits(frames, (ReorderEdit(start_frame=2, order=(2, 0, 1)),))
    assert np.array_equal(edited, frames[[0, 1, 4, 2, 3, 5]])


@pytest.mark.parametrize(
    ("kind", "area"), [("circle", np.pi), ("square", 2.0), ("triangle", 3 * 3**0.5 / 4)]
)
@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0])
def test_shape_has_the_area_of_its_circumscribed_circle(
    kind: str, area: float, angle: float
) -> None:
    mask = shape_mask(shape(kind, size=0.8, angle=angle), height_px=500, width_px=500)
    assert mask.sum() == pytest.approx(area * 200**2, rel=0.01)


def test_shape_colours_only_its_pixels() -> None:
    frames = make_frames(3)
    edited = apply_edits(frames, (shape("square"),))
    changed = np.any(edited != frames, axis=-1)
    assert changed[1].sum() == shape_mask(shape("square"), height_px=64, width_px=64).sum()
    assert not changed[[0, 2]].any()
    assert set(map(tuple, edited[1][changed[1]].tolist())) == {(250, 60, 70)}


@pytest.mark.parametrize("kind", sorted(SPAN_TRANSFORMS))
def test_input_and_frames_outside_the_span_stay_untouched(kind: str) -> None:
    frames = make_frames(5)
    before = frames.copy()
    edited = apply_edits(frames, (span(kind),))
    assert np.array_equal(frames, before)
    assert np.array_equal(edited[[0, 3, 4]], frames[[0, 3, 4]])
    altered = (2,) if kind == "hold" else (1, 2)
    assert all(np.any(edited[index] != frames[index]) for index in altered)
    assert edited.dtype == np.uint8
    assert edited.shape == frames.shape


@pytest.mark.parametrize(
    "edit",
    [
        span("sparkle"),
        span("mirror", 3, 9),
        span("mirror", 2, 2),
        span("zoom_out", amount=0.5),
        ReorderEdit(start_frame=0, order=(0, 0)),
        ReorderEdit(start_frame=4, order=(1, 0)),
    ],
)
def test_edit_that_does_not_fit_is_refused(edit: SpanEdit | ReorderEdit) -> None:
    with pytest.raises(ValueError, match=r"edit|zoom_out"):
        apply_edits(make_frames(5), (edit,))


@pytest.mark.parametrize(("kind", "corner"), [("rotate_90", (0, 2)), ("rotate_270", (2, 0))])
def test_quarter_turns_move_the_corner(kind: str, corner: tuple[int, int]) -> None:
    frames = np.zeros((4, 3, 3, 3), np.uint8)
    frames[:, 0, 0] = 255
    assert apply_edits(frames, (span(kind),))[1][corner].tolist() == [255, 255, 255]


def test_quarter_turn_of_a_wide_picture_is_shrunk_into_black() -> None:
    edited = apply_edits(np.full((4, 40, 80, 3), 200, np.uint8), (span("rotate_90"),))
    assert np.all(edited[1, :, 30:50] == 200)
    assert edited[1].sum() == 40 * 20 * 3 * 200


def test_zoom_in_shows_the_middle_only() -> None:
    frames = np.zeros((4, 60, 60, 3), np.uint8)
    frames[:, 15:45, 15:45] = 200
    assert np.all(apply_edits(frames, (span("zoom_in", amount=2.0),))[1] == 200)


def test_saturation_moves_colours_away_from_their_luma() -> None:
    frames = np.full((4, 2, 2, 3), (100, 110, 120), np.uint8)
    # luma 0.299 * 100 + 0.587 * 110 + 0.114 * 120 = 108.15, twice as far from it
    assert apply_edits(frames, (span("saturation", amount=2.0),))[1, 0, 0].tolist() == [
        92,
        112,
        132,
    ]


def test_noise_has_its_sigma_and_depends_on_seed_and_frame_only() -> None:
    frames = np.full((4, 64, 64, 3), 128, np.uint8)
    edits = [
        SpanEdit(kind="noise", start_frame=1, stop_frame=3, amount=20.0, seed=seed)
        for seed in (5, 5, 6)
    ]
    one, same, other = (apply_edits(frames, (edit,)).astype(int) - 128 for edit in edits)
    assert one[1].std() == pytest.approx(20, rel=0.03)
    assert abs(one[1].mean()) < 1
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[1], one[2])


def test_blur_keeps_a_flat_picture_and_spreads_a_point_as_a_gaussian() -> None:
    assert np.all(
        apply_edits(np.full((4, 20, 30, 3), 77, np.uint8), (span("blur", amount=2.0),)) == 77
    )
    frames = np.zeros((4, 41, 41, 3), np.uint8)
    frames[:, :, 20] = 255
    row = apply_edits(frames, (span("blur", amount=2.0),))[1, 20, :, 0].astype(float)
    offsets = np.arange(41) - 20
    assert (row * offsets**2).sum() / row.sum() == pytest.approx(4.0, rel=0.1)


def test_held_picture_stands_still() -> None:
    frames = make_frames(5)
    assert np.array_equal(apply_edits(frames, (span("hold"),)), frames[[0, 1, 1, 3, 4]])


def test_replaced_frames_come_from_the_donor_in_this_size() -> None:
    frames, donor = make_frames(5), make_frames(9, height_px=48, width_px=96, seed=3)
    edit = ReplaceEdit(start_frame=1, stop_frame=3, donor_clip_id="d", donor_start_frame=4)
    asked = []

    def load(clip_id: str, start_frame: int, stop_frame: int) -> np.ndarray:  # type: ignore[type-arg]
        asked.append((clip_id, start_frame, stop_frame))
        return donor[start_frame:stop_frame]

    edited = apply_edits(frames, (edit,), load)
    assert asked == [("d", 4, 6)]
    assert np.array_equal(edited[1:3], cover(donor[4:6], 64, 64))
    assert np.array_equal(edited[[0, 3, 4]], frames[[0, 3, 4]])
    with pytest.raises(ValueError, match="no other clip"):
        apply_edits(frames, (edit,))


def test_every_pixel_of_a_shape_changes_even_where_colours_agree() -> None:
    frames = np.full((3, 64, 64, 3), (250, 60, 70), np.uint8)
    edited = apply_edits(frames, (shape("circle"),))
    changed = np.any(edited != frames, axis=-1)
    assert np.array_equal(changed[1], shape_mask(shape("circle"), height_px=64, width_px=64))
