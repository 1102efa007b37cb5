"""The processes that train one policy together: who does which share, and what all agree on.

Numbers and small records travel over gloo, whatever moves the gradients; frames stay where they
were rendered.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

import torch.distributed as dist

ItemT = TypeVar("ItemT")


class Ranks:
    """This process among those of its process group; without a group it is alone."""

    def __init__(self) -> None:
        is_open = dist.is_available() and dist.is_initialized()
        self.index: int = dist.get_rank() if is_open else 0
        self.count: int = dist.get_world_size() if is_open else 1
        self.node = os.environ.get("GROUP_RANK", "0")
        """The machine, as torchrun numbers them."""
        self.is_first_of_node = int(os.environ.get("LOCAL_RANK", "0")) == 0
        self._group = dist.new_group(backend="gloo") if self.count > 1 else None

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes records and metrics."""
        return self.index == 0

    def gather(self, own: ItemT) -> list[ItemT]:
        """What every rank gave, in rank order."""
        if self._group is None:
            return [own]
        everyone: list[ItemT | None] = [None] * self.count
        dist.all_gather_object(everyone, own, group=self._group)
        return everyone  # type: ignore[return-value]  # all are filled now

    def close(self) -> None:
        """Leave the group that the records travel over."""
        if self._group is not None:
            dist.destroy_process_group(self._group)
            self._group = None


def balanced_shares(costs: Sequence[int], num_ranks: int) -> list[list[int]]:
    """Split items over ranks so that the costs add up to nearly the same.

    The largest first, each to the rank with the least so far.

    Returns:
        Indices into `costs` for each rank, rising; they depend on the arguments only, so every rank
        finds the same.
    """
    shares: list[list[int]] = [[] for _ in range(num_ranks)]
    loads = [0] * num_ranks
    for index in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        rank = loads.index(min(loads))
        shares[rank].append(index)
        loads[rank] += costs[index]
    return [sorted(share) for share in shares]
