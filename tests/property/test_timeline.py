from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tasks.video.timeline import choose_frames, duration_seconds, lost_times, span_frames

STEPS = st.lists(st.floats(0.002, 2.0), min_size=1, max_size=80)


def times_of(steps: list[float], start: float) -> list[float]:
    times = [start]
    for step in steps:
        times.append(times[-1] + step)
    return times


@given(STEPS, st.floats(-5, 5), st.integers(1, 20), st.floats(0, 0.3))
def test_chosen_frames_are_distinct_ascending_and_inside_the_span(
    steps: list[float], start: float, num_frames: int, edge_share: float
) -> None:
    times = times_of(steps, start)
    inside = span_frames(times, edge_share=edge_share)
    if len(inside) < num_frames:
        return
    chosen = choose_frames(times, num_frames=num_frames, edge_share=edge_share)
    assert len(chosen) == num_frames
    assert list(chosen) == sorted(set(chosen))
    assert set(chosen) <= set(inside)


@given(
    st.integers(60, 2000),
    st.integers(1, 48),
    st.floats(-100, 100),
    st.sampled_from([10, 15, 24, 25, 29.97, 60, 240]),
)
def test_with_a_constant_rate_no_chosen_frame_is_further_than_half_a_step_from_its_target(
    num: int, num_frames: int, start: float, fps: float
) -> None:
    times = [start + index / fps for index in range(num)]
    chosen = choose_frames(times, num_frames=num_frames, edge_share=0.05)
    duration = num / fps
    for number, index in enumerate(chosen):
        target = start + duration * (0.05 + 0.9 * (number + 0.5) / num_frames)
        assert abs(times[index] - target) <= 0.5 / fps + 1e-5


@given(STEPS, st.floats(0, 10))
def test_the_choice_does_not_depend_on_where_time_starts(steps: list[float], shift: float) -> None:
    whole = [round(step, 1) + 0.1 for step in steps]
    early, late = times_of(whole, 0.0), times_of(whole, round(shift))
    num = min(8, len(span_frames(early, edge_share=0.05)), len(span_frames(late, edge_share=0.05)))
    if num and len(span_frames(early, edge_share=0.05)) == len(span_frames(late, edge_share=0.05)):
        chosen_early = choose_frames(early, num_frames=num, edge_share=0.05)
        chosen_late = choose_frames(late, num_frames=num, edge_share=0.05)
        assert sum(a != b for a, b in zip(chosen_early, chosen_late, strict=True)) == 0


@given(st.integers(5, 100), st.data())
def test_what_was_promised_and_not_delivered_is_lost(num: int, data: st.DataObject) -> None:
    promised = [index * 0.04 for index in range(num)]
    missing = data.draw(st.sets(st.integers(0, num - 1), max_size=num - 1))
    delivered = [time for index, time in enumerate(promised) if index not in missing]
    assert lost_times(promised, delivered) == [promised[index] for index in sorted(missing)]


def test_a_packet_without_a_picture_of_its_own_is_not_a_loss() -> None:
    frames = [index * 0.04 for index in range(50)]
    hidden = [frames[10] - 0.001, frames[30] - 0.001]
    assert lost_times(sorted([*frames, *hidden]), frames) == []


def test_the_duration_ends_with_the_last_frame() -> None:
    assert duration_seconds([1.0, 1.5, 2.0]) == 1.5
    assert duration_seconds([1.0]) == duration_seconds([]) == 0.0


@given(st.lists(st.integers(2, 1000), min_size=1, max_size=60), st.data())
def test_every_lost_frame_is_counted_however_uneven_the_times(
    steps: list[int], data: st.DataObject
) -> None:
    promised = [millisecond / 1000 for millisecond in accumulate(steps)]
    kept = data.draw(st.sets(st.sampled_from(promised)))
    assert len(lost_times(promised, sorted(kept))) == len(promised) - len(kept)
