"""Numbers of a step, put together from its parts."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.train.metrics import Max, Mean, Metric, Sum, merge, values

_NUMBERS = st.integers(-1000, 1000).map(float)
_PARTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "sum": _NUMBERS.map(Sum),
            "mean": st.builds(Mean, _NUMBERS, st.integers(1, 50).map(float)),
            "max": _NUMBERS.map(Max),
        },
    ),
    max_size=8,
)


def test_sums_add_up_means_are_over_all_that_was_counted_and_the_largest_counts() -> None:
    first: dict[str, Metric] = {"tokens": Sum(3.0), "kl": Mean(6.0, 3.0), "peak": Max(5.0)}
    second: dict[str, Metric] = {"tokens": Sum(1.0), "kl": Mean(0.0, 1.0), "peak": Max(4.0)}
    assert values(merge([first, second])) == {"tokens": 4.0, "kl": 1.5, "peak": 5.0}


def test_what_only_some_parts_measure_is_of_those() -> None:
    assert values(merge([{"gap": Mean(1.0, 2.0)}, {}])) == {"gap": 0.5}


@given(parts=_PARTS, cut=st.integers(0, 8))
def test_it_does_not_matter_which_rank_measured_what(
    parts: list[dict[str, Metric]], cut: int
) -> None:
    assert merge([merge(parts[:cut]), merge(parts[cut:])]) == merge(parts)
