"""The only home of DeepSpeed: an optimizer step over a model, at any ZeRO stage, on any ranks.

Weights and moments go in and out whole, by parameter name, so a checkpoint fits any stage and any
number of ranks.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deepspeed
import deepspeed.ops
import torch
from deepspeed.utils import (
    groups,
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)
from torch import Tensor, nn

from tasks.core.errors import InputError
from tasks.train.ranks import Ranks

WEIGHTS = "weights"
MOMENTS = ("exp_avg", "exp_avg_sq")
"""Parts of the state; those of Adam under torch's names."""
_WHOLE_BELOW = 10_000
"""Under ZeRO-3, parameters with fewer elements (norms, biases) stay whole on every rank: gathering
them costs more."""


class TrainEngine:
    """AdamW behind DeepSpeed: `backward` any number of micro-batches, then `step` once."""

    def __init__(
        self,
        model: nn.Module,
        *,
        learning_rate: float,
        max_grad_norm: float,
        zero_stage: int,
        offload_optimizer: bool = False,
    ) -> None:
        """Join the process group and put DeepSpeed around `model`; stage 3 splits its parameters.

        Raises:
            InputError: the stage does not go with the model's type.
        """
        dtype = next(model.parameters()).dtype
        if zero_stage == 0 and dtype != torch.float32:
            raise InputError(
                f"train.zero_stage 0 keeps no float32 weights beside {dtype}; use 1, 2 or 3"
            )
        _join_process_group()
        self.ranks = Ranks()
        self._stage = zero_stage
        self._trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._adamw = _ClippedAdamW(
            self._trainable.values(),
            lr=learning_rate,
            max_grad_norm=max_grad_norm if zero_stage == 0 else None,
        )
        self._engine, *_ = deepspeed.initialize(
            model=model,
            optimizer=self._adamw,
            config={
                "train_micro_batch_size_per_gpu": 1,
                "gradient_accumulation_steps": 1,
                # We decide how many micro-batches make a step: it follows from the token budget.
                "managed_gradient_accumulation": False,
                # Without ZeRO, `_ClippedAdamW` clips; clipping twice would count the norm after the
                # first.
                "gradient_clipping": 0.0 if zero_stage == 0 else max_grad_norm,
                "bf16": {"enabled": dtype == torch.bfloat16, "check_grad_overflow": True},
                "zero_optimization": {
                    "stage": zero_stage,
                    "stage3_param_persistence_threshold": _WHOLE_BELOW,
                    "offload_optimizer": {"device": "cpu" if offload_optimizer else "none"},
                },
                # DeepSpeed knows optimizers by their very class, so a subclass of AdamW counts as
                # untested; and with offload it would take no other optimizer than its own.
                "zero_allow_untested_optimizer": True,
                "zero_force_ds_cpu_optimizer": False,
                "steps_per_print": 2**31,
            },
        )

    @property
    def forward(self) -> Callable[..., Any]:
        """The model's forward, with DeepSpeed's hooks around it."""
        return self._engine  # type: ignore[no-any-return]

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one micro-batch.

        The losses of a step are summed, over micro-batches and over ranks.
        Every rank must call it equally often: from stage 2 on, each call exchanges gradients.
        """
        # DeepSpeed takes the mean over ranks.
        self._engine.backward(loss * self.ranks.count if self.ranks.count > 1 else loss)

    def step(self) -> float:
        """Clip, update, clear; returns the gradient norm before clipping.

        A norm that is not finite means that the update was left out: weights and moments are as
        before.
        """
        self._engine.step()
        return float(self._engine.get_global_grad_norm())

    def set_learning_rate(self, learning_rate: float) -> None:
        """Use `learning_rate` from the next step on."""
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate

    @property
    def num_updates(self) -> int:
        """Updates so far, those left out not counted."""
        return next(
            (int(state["step"]) for state in self._adamw.state.values() if "step" in state), 0
        )

    def named_weights(self) -> Iterator[tuple[str, Tensor]]:
        """All weights of the model, whole, in its own type; every rank must iterate to the end."""
        for name, parameter in self._engine.module.named_parameters():
            if self._stage < 3:
                yield name, parameter.data
            else:
                with deepspeed.zero.GatheredParameters([parameter]):
                    # The gathered one is gone as soon as the next is asked for.
                    yield name, parameter.data.clone()

    def state(self, part: str) -> Iterator[tuple[str, Tensor]]:
        """One part of the state of every trainable parameter, whole.

        The part is `WEIGHTS`, in float32, or one of `MOMENTS`, of which there are none before the
        first update. Every rank must iterate to the end: they gather it together.
        """
        for name, parameter in self._trainable.items():
            if self._stage == 0:
                yield (
                    name,
                    parameter.data if part == WEIGHTS else self._adamw.state[parameter][part],
                )
            elif part == WEIGHTS:
                yield name, safe_get_full_fp32_param(parameter)
            else:
                yield name, safe_get_full_optimizer_state(parameter, part)

    @torch.no_grad()
    def load_state(self, num_updates: int, read: Callable[[str, str], Tensor]) -> None:
        """Go on from a state: `read(part, name)` gives what `state` gave.

        That may have been with other ranks or another stage.
        """
        parts = (WEIGHTS, *MOMENTS) if num_updates else (WEIGHTS,)
        if num_updates:
            self._make_moments(num_updates)
        for name, parameter in self._trainable.items():
            for part in parts:
                self._set(parameter, part, read(part, name))
        # What was set are the float32 copies; the weights that the model computes with are made
        # from them only after an update.
        if self._stage in (1, 2):
            self._engine.optimizer.update_lp_params()

    def close(self) -> None:
        """Give back what DeepSpeed holds."""
        self._engine.destroy()
        self.ranks.close()

    def _make_moments(self, num_updates: int) -> None:
        """Moments as the first update would make them, to be overwritten."""
        if self._stage == 0:
            updated = list(self._trainable.values())
        elif self._stage == 3:
            updated = self._engine.optimizer.fp32_partitioned_groups_flat
        else:
            updated = self._engine.optimizer.single_partition_of_fp32_groups
        for tensor in updated:
            moments = {name: torch.zeros_like(tensor) for name in MOMENTS}
            self._adamw.state[tensor] = {"step": torch.tensor(float(num_updates)), **moments}
        # Parameters are linked with their stretch of the moments at the first update, which a
        # resumed run has behind it; setting moments by parameter needs the links.
        if self._stage in (1, 2):
            self._engine.optimizer._lazy_init_hp_params_optimizer_state()

    def _set(self, parameter: nn.Parameter, part: str, value: Tensor) -> None:
        if self._stage == 0:
            (parameter if part == WEIGHTS else self._adamw.state[parameter][part]).copy_(value)
        elif self._stage < 3:
            if part == WEIGHTS:
                safe_set_full_fp32_param(parameter, value)
            else:
                safe_set_full_optimizer_state(parameter, value, part)
        elif part == WEIGHTS:
            safe_set_local_fp32_param(parameter, self._own_share(parameter, value))
            # That was the float32 share; the model's own weights are another tensor.
            with deepspeed.zero.GatheredParameters([parameter], modifier_rank=0):
                parameter.copy_(value)
        else:
            safe_set_local_optimizer_state(parameter, self._own_share(parameter, value), part)

    def _own_share(self, parameter: Any, value: Tensor) -> Tensor:
        """The stretch of a flattened parameter that this rank holds under ZeRO-3, padded."""
        size = parameter.ds_tensor.numel()
        flat = torch.nn.functional.pad(
            value.flatten(), (0, size * self.ranks.count - value.numel())
        )
        return flat.narrow(0, size * self.ranks.index, size)


class _ClippedAdamW(torch.optim.AdamW):
    """AdamW that, without ZeRO, does what ZeRO's wrapper does: clip, leave out what is not finite.

    `overflow` and `_global_grad_norm` are where DeepSpeed looks for how a step went.
    """

    def __init__(self, parameters: Any, *, lr: float, max_grad_norm: float | None) -> None:
        super().__init__(parameters, lr=lr, weight_decay=0.0)
        self._max_grad_norm = max_grad_norm
        self.overflow = False

    def step(self, closure: Any = None) -> Any:
        if self._max_grad_norm is None:
            return super().step(closure)
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._max_grad_norm)
        self._global_grad_norm = norm
        self.overflow = not bool(norm.isfinite())
        return None if self.overflow else super().step(closure)


def _join_process_group() -> None:
    if "RANK" not in os.environ:
        # DeepSpeed reads it, also in a group that another library opened.
        os.environ.setdefault("LOCAL_RANK", "0")
    # Never compile the collective in shared memory, which helps CPUs alone: it takes a minute and a
    # compiler, and a build that is killed leaves a lock at which every later run waits for ever.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if torch.distributed.is_initialized():
        return
    _forget_groups()
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if "RANK" in os.environ:  # started by torchrun or Flyte's Elastic
        deepspeed.init_distributed(dist_backend=backend, auto_mpi_discovery=False, verbose=False)
        return
    # One process needs no port.
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
    """DeepSpeed keeps groups of a process group that is gone.

    vLLM closes the one that they share when it ends.
    """
    deepspeed.comm.comm.cdb = None
    for name in vars(groups):
        if name.startswith("_") and isinstance(
            getattr(groups, name), torch.distributed.ProcessGroup
        ):
            setattr(groups, name, None)
