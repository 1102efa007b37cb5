"""Which groups share a forward pass: as many as a token budget allows, padding counted."""

from collections.abc import Sequence


def pack_groups(prompt_tokens: Sequence[int], response_tokens: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Split groups into micro-batches.

    Args:
        prompt_tokens: length of each group's prompt.
        response_tokens: padded length of each group's responses together (number of rollouts times the longest).
        budget_tokens: most tokens of one micro-batch; a group above it gets one of its own.

    Returns:
        Indices into the arguments; groups of similar length are neighbours, so little is padding.
    """
    order = sorted(range(len(prompt_tokens)), key=lambda i: (prompt_tokens[i] + response_tokens[i], i))
    batches: list[list[int]] = []
    for index in order:
        candidate = [*batches[-1], index] if batches else [index]
        widest = max(prompt_tokens[i] for i in candidate) + max(response_tokens[i] for i in candidate)
        if batches and len(candidate) * widest <= budget_tokens:
            batches[-1] = candidate
        else:
            batches.append([index])
    return batches
