from hypothesis import given
from hypothesis import strategies as st

from tasks.train.pack import pack_groups

_lengths = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 100)), min_size=1, max_size=30)


def test_groups_share_a_pass_while_the_padded_tokens_fit() -> None:
    # Sorted by length: 10+2, 10+2, 50+2. Two short ones pad to 24 tokens, with the long one to 156.
    assert pack_groups([10, 50, 10], [2, 2, 2], 24) == [[0, 2], [1]]
    assert pack_groups([10, 50, 10], [2, 2, 2], 156) == [[0, 2, 1]]


@given(_lengths, st.integers(1, 2000))
def test_every_group_is_packed_once_and_only_a_lone_one_may_exceed_the_budget(
    lengths: list[tuple[int, int]], budget: int
) -> None:
    prompts, responses = [p for p, _ in lengths], [r for _, r in lengths]
    batches = pack_groups(prompts, responses, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        widest = max(prompts[i] for i in batch) + max(responses[i] for i in batch)
        assert len(batch) == 1 or len(batch) * widest <= budget
