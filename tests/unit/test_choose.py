"""Which items are taken when not all can be."""

import pytest

from tasks.core.choose import choose_at_random, shuffled

NAMES = [f"item {number}" for number in range(50)]


def choose(items: list[str], limit: int, seed: int = 0) -> list[str]:
    return choose_at_random(items, limit, str, "test", seed)


@pytest.mark.parametrize("limit", [0, 50, 51])
def test_without_a_limit_that_counts_all_are_taken(limit: int) -> None:
    assert choose(NAMES, limit) == NAMES


def test_some_are_taken_in_the_order_in_which_they_come() -> None:
    chosen = choose(NAMES, 7)
    assert len(chosen) == 7
    assert chosen == [name for name in NAMES if name in chosen]
    assert set(choose(NAMES[::-1], 7)) == set(chosen)
    assert choose(NAMES, 7, seed=1) != chosen


def test_whoever_comes_later_changes_the_place_of_nobody() -> None:
    order = shuffled(NAMES, str, "test", 0)
    assert order != NAMES
    assert [
        name for name in shuffled([*NAMES, "one more"], str, "test", 0) if name in NAMES
    ] == order
    assert set(choose([*NAMES, "one more"], 7)) <= {*choose(NAMES, 7), "one more"}
