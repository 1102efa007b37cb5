from array import array

from hypothesis import given
from hypothesis import strategies as st

from tasks.video.probe import Packets
from tasks.video.shortcut import check_runs, plan_reading


def packets_of(num: int, *, group: int, num_leading: int = 0) -> Packets:
    """A key frame every `group` packets; after it, so many are shown before it."""
    stamps = []
    for first in range(0, num, group):
        leading = num_leading if first else 0
        shown = list(range(first - leading, first)) + list(
            range(first + 1, first + group - num_leading)
        )
        stamps += [first, *shown]
    keys = (
        tuple(range(0, len(stamps), group))
        if not num_leading
        else tuple(stamps.index(k) for k in range(0, num, group))
    )
    return Packets(
        stamps=array("q", stamps), dts=array("q", range(len(stamps))), keys=keys, has_index=True
    )


def test_few_pictures_of_a_long_video_are_read_from_the_key_frames_before_them() -> None:
    packets = packets_of(10_000, group=250)
    runs = plan_reading(packets, [2510, 5005, 5030])
    assert [(run.start, sorted(run.wanted)) for run in runs] == [
        (2500, [2510]),
        (5000, [5005, 5030]),
    ]


def test_a_short_video_is_read_in_one_pass() -> None:
    assert [run.start for run in plan_reading(packets_of(300, group=250), range(15, 285, 6))] == [0]


def test_one_key_frame_means_one_pass() -> None:
    assert [run.start for run in plan_reading(packets_of(5000, group=5000), [4000, 4900])] == [0]


def test_a_picture_shown_before_its_key_frame_is_reached_from_an_earlier_one() -> None:
    packets = packets_of(1000, group=50, num_leading=2)
    leading = next(p for p in range(len(packets.stamps)) if packets.stamps[p] == 498)
    after = packets.keys[10]
    assert packets.stamps[after] == 500
    assert after < leading
    assert [run.start for run in plan_reading(packets, [leading])] == [packets.keys[9]]


@given(st.integers(1, 40), st.integers(50, 3000), st.integers(0, 3), st.data())
def test_every_picture_is_in_one_run_from_a_key_frame_shown_no_later(
    group: int, num: int, num_leading: int, data: st.DataObject
) -> None:
    packets = packets_of(num, group=group + 4, num_leading=num_leading)
    wanted = data.draw(st.sets(st.integers(0, len(packets.stamps) - 1), min_size=1, max_size=48))
    runs = plan_reading(packets, wanted)
    assert sorted(position for run in runs for position in run.wanted) == sorted(wanted)
    for run in runs:
        assert run.start in packets.keys
        assert all(
            run.start <= at and packets.stamps[run.start] <= packets.stamps[at] for at in run.wanted
        )
    assert sum(run.stop - run.start for run in runs) <= max(wanted) + 1
    assert plan_reading(packets, wanted, may_seek=False)[0].start == 0


def test_seeks_are_checked_on_pictures_that_a_seek_must_get_right() -> None:
    packets = packets_of(200, group=50, num_leading=2)
    from_start, after_seek = check_runs(packets)
    assert (from_start.start, after_seek.start) == (0, packets.keys[1])
    assert from_start.wanted == after_seek.wanted
    assert min(packets.stamps[position] for position in after_seek.wanted) == 50
