"""Which groups share a row: as many as a token budget allows."""

from collections.abc import Sequence


def pack_groups(num_tokens: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Split groups into rows: the longest first, each into the first row with room for it.

    Args:
        num_tokens: tokens of each group, its prompt and all its responses.
        budget_tokens: most tokens of one row; a group above it gets one of its own.

    Returns:
        Indices into `num_tokens`; they depend on the arguments only.
    """
    rows: list[list[int]] = []
    rooms: list[int] = []
    for index in sorted(range(len(num_tokens)), key=lambda i: (-num_tokens[i], i)):
        row = next((r for r, room in enumerate(rooms) if num_tokens[index] <= room), None)
        if row is None:
            rows.append([index])
            rooms.append(budget_tokens - num_tokens[index])
        else:
            rows[row].append(index)
            rooms[row] -= num_tokens[index]
    return rows
