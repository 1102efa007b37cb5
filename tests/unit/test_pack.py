from hypothesis import given
from hypothesis import strategies as st

from tasks.train.pack import pack_groups


def test_groups_share_a_row_while_their_tokens_fit() -> None:
    assert pack_groups([12, 52, 12], 24) == [[1], [0, 2]]
    assert pack_groups([12, 52, 12], 64) == [[1, 0], [2]]
    assert pack_groups([12, 52, 12], 76) == [[1, 0, 2]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(1, 2000))
def test_every_group_is_packed_once_and_only_a_lone_one_may_exceed_the_budget(lengths: list[int], budget: int) -> None:
    rows = pack_groups(lengths, budget)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(len(row) == 1 or sum(lengths[i] for i in row) <= budget for row in rows)
