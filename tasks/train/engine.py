"""The only home of DeepSpeed: an optimizer step over a model, whatever the ZeRO stage and the number of processes."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deepspeed
import deepspeed.ops
import torch
from deepspeed.utils import groups
from torch import Tensor, nn

_TAG = "state"


class TrainEngine:
    """AdamW behind DeepSpeed: `backward` any number of micro-batches, then `step` once."""

    def __init__(self, model: nn.Module, *, learning_rate: float, max_grad_norm: float, zero_stage: int) -> None:
        _join_process_group()
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        dtype = next(model.parameters()).dtype
        self._engine, *_ = deepspeed.initialize(
            model=model,
            optimizer=torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=0.0),
            config={
                "train_micro_batch_size_per_gpu": 1,
                "gradient_accumulation_steps": 1,
                # We decide how many micro-batches make a step: it follows from the token budget.
                "managed_gradient_accumulation": False,
                "gradient_clipping": max_grad_norm,
                "bf16": {"enabled": dtype == torch.bfloat16},
                "zero_optimization": {"stage": zero_stage},
                "zero_allow_untested_optimizer": True,
                "zero_force_ds_cpu_optimizer": False,
                "steps_per_print": 2**31,
            },
        )
        self._trainable = trainable

    @property
    def forward(self) -> Callable[..., Any]:
        """The model's forward, with DeepSpeed's hooks around it."""
        return self._engine  # type: ignore[no-any-return]

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one micro-batch; losses of a step are summed, not averaged."""
        self._engine.backward(loss)

    def step(self) -> float:
        """Clip, update, clear; returns the gradient norm before clipping."""
        gradients = [parameter.grad for parameter in self._trainable if parameter.grad is not None]
        local_norm = torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())
        self._engine.step()
        global_norm = self._engine.get_global_grad_norm()
        return float(local_norm if global_norm is None else global_norm)

    def save(self, folder: Path) -> None:
        """Write weights and optimizer state, for this trainer to go on from."""
        self._engine.save_checkpoint(str(folder), tag=_TAG)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        path, _ = self._engine.load_checkpoint(str(folder), tag=_TAG)
        assert path is not None, f"no checkpoint in {folder}"

    def close(self) -> None:
        """Give back what DeepSpeed holds."""
        self._engine.destroy()


def _join_process_group() -> None:
    if "RANK" not in os.environ:
        os.environ.setdefault("LOCAL_RANK", "0")  # DeepSpeed reads it, also in a group that another library opened
    # Never compile the collective in shared memory, which helps CPUs alone: it takes a minute and a compiler, and a
    # build that is killed leaves a lock at which every later run on the machine waits for ever.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if torch.distributed.is_initialized():
        return
    _forget_groups()
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if "RANK" in os.environ:  # started by torchrun or Flyte's Elastic
        deepspeed.init_distributed(dist_backend=backend)
        return
    # One process: no port needed.
    rendezvous = Path(tempfile.mkdtemp(prefix="videossr-")) / "rendezvous"
    deepspeed.init_distributed(
        dist_backend=backend,
        init_method=rendezvous.as_uri(),
        rank=0,
        world_size=1,
        auto_mpi_discovery=False,
        verbose=False,
    )


def _forget_groups() -> None:
    """DeepSpeed keeps groups of a process group that is gone: vLLM closes the one they share when it ends."""
    deepspeed.comm.comm.cdb = None
    for name in vars(groups):
        if name.startswith("_") and isinstance(getattr(groups, name), torch.distributed.ProcessGroup):
            setattr(groups, name, None)
