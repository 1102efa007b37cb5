"""The model with the heads that read off what it sees, and their optimizers."""

from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from tasks.core.errors import InputError
from tasks.policy.checkpoint import Policy
from tasks.pretrain.muon import Muon
from tasks.pretrain.seen import SeeingHeads

_DECAY = 0.01


class Learner:
    """All of it moves in one step."""

    def __init__(
        self, policy: Policy, heads: SeeingHeads, matrix_rate: float, learning_rate: float
    ) -> None:
        """With the highest learning rates, of Muon and of AdamW."""
        self.policy, self.heads = policy, heads
        self._trained = torch.nn.ModuleList([policy.model, heads])
        named = list(policy.model.named_parameters())
        matrices = [p for name, p in named if p.ndim == 2 and not _is_table(name)]
        own = {id(matrix) for matrix in matrices}
        others = [p for p in self._trained.parameters() if id(p) not in own]
        self._optimizers: list[tuple[torch.optim.Optimizer, float]] = [
            (Muon(matrices, lr=0.0, weight_decay=_DECAY), matrix_rate),
            (
                torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=_DECAY),
                learning_rate,
            ),
        ]

    def step(self, loss: Float[Tensor, ""], rate: float) -> None:
        """Move all weights; `rate` is a share of the highest learning rates."""
        loss.backward()  # type: ignore[no-untyped-call]
        if dist.is_initialized():
            self._average_gradients()
        torch.nn.utils.clip_grad_norm_(self._trained.parameters(), 1.0)
        for optimizer, highest in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = highest * rate
            optimizer.step()
            optimizer.zero_grad()

    def _average_gradients(self) -> None:
        """Over processes, in which the same parameters have one."""
        gradients = [p.grad for p in self._trained.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        start = 0
        for gradient in gradients:
            stop = start + gradient.numel()
            gradient.copy_(flat[start:stop].view_as(gradient))
            start = stop

    def keep(self, file: Path, done: int, recipe: dict[str, float]) -> None:
        """Write everything that the next step needs."""
        kept = {
            "trained": self._trained.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self._optimizers],
            "done": done,
            "recipe": recipe,
        }
        whole = file.with_suffix(".part")
        torch.save(kept, whole)
        whole.replace(file)

    def resume(self, file: Path, recipe: dict[str, float]) -> int:
        """The number of steps that are done.

        Raises:
            InputError: they were done by another recipe.
        """
        if not file.is_file():
            return 0
        kept = torch.load(file, weights_only=True)
        if kept["recipe"] != recipe:
            raise InputError(
                f"{file} is of another recipe ({kept['recipe']}, not {recipe}); give another "
                "folder, or delete it"
            )
        self._trained.load_state_dict(kept["trained"])
        for (optimizer, _), state in zip(self._optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        done: int = kept["done"]
        return done


def _is_table(name: str) -> bool:
    """Whether rows are looked up, or chosen among: Muon is for what is multiplied."""
    return "embed" in name.split(".")[-2] or "lm_head" in name
