"""The seam between a step and whatever turns its losses into new weights."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from tasks.train.ranks import Ranks


@runtime_checkable
class Updater(Protocol):
    """What a step asks for: `TrainEngine` in a run; without DeepSpeed, whoever measures a step brings another."""

    ranks: Ranks

    @property
    def forward(self) -> Callable[..., Any]:
        """The model's forward."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one micro-batch; every rank calls it equally often."""
        ...

    def step(self) -> float:
        """Clip, update, clear; returns the gradient norm before clipping, not finite if the update was left out."""
        ...

    def set_learning_rate(self, learning_rate: float) -> None:
        """Use `learning_rate` from the next step on."""
        ...
