"""The only home of peft: low-rank adapters beside the linear layers of a policy.

An adapted layer computes W x + scale B A x (Hu et al. 2021, equation 3); B starts at zero, so the
policy starts as its base. To everything outside of training the policy is an ordinary model, with
W + scale B A in the place of W. peft is imported where adapters are: training without them goes
without it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tasks.core.config import TrainConfig
from tasks.core.seeding import derive_seed

_NAME = "default"
_DECODER = r".*language_model\.layers\..*_proj"
_TOWER = r".*visual\.(blocks|merger|deepstack_merger_list)\..*(qkv|proj|linear_fc1|linear_fc2)"
_BASE, _DOWN, _UP = ".base_layer", f".lora_A.{_NAME}", f".lora_B.{_NAME}"


def add_adapters(model: nn.Module, config: TrainConfig, seed: int) -> None:
    """Put adapters into `model`, in place, and leave nothing else trainable."""
    from peft import inject_adapter_in_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "lora"))
        inject_adapter_in_model(_peft_config(config), model, adapter_name=_NAME)


@contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    """Inside, `model` is its base."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def merged(
    named_weights: Iterable[tuple[str, Tensor]], config: TrainConfig
) -> Iterator[tuple[str, Tensor]]:
    """The weights of an adapted model as those of an ordinary one.

    `named_weights` come in the model's order, in which both parts of an adapter follow their layer.
    """
    scale = config.lora_alpha / config.lora_rank
    base: tuple[str, Tensor] | None = None
    down: Tensor | None = None
    for name, tensor in named_weights:
        plain = name.replace(_BASE, "")
        if plain != name and plain.endswith(".weight"):
            base = plain, tensor
        elif _DOWN in name:
            down = tensor
        elif _UP in name:
            assert base is not None
            assert down is not None
            # Added in float32 and rounded once: the bits of a small change are lost in bfloat16.
            whole = base[1].float().addmm(tensor.float(), down.float(), alpha=scale)
            yield base[0], whole.to(base[1].dtype)
        else:
            yield plain, tensor


def save_adapters(
    named_weights: Iterable[tuple[str, Tensor]], config: TrainConfig, folder: Path
) -> None:
    """Write the adapters alone into `folder`, in the layout of peft, vLLM and transformers."""
    adapters = {
        f"base_model.model.{name.replace(f'.{_NAME}', '')}": tensor.contiguous()
        for name, tensor in named_weights
        if _DOWN in name or _UP in name
    }
    save_file(adapters, folder / "adapter_model.safetensors")
    _peft_config(config).save_pretrained(str(folder))


def _peft_config(config: TrainConfig) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,  # type: ignore[arg-type]  # any number will do
        target_modules=_DECODER if config.freeze_vision else f"({_DECODER}|{_TOWER})",
    )
