"""Where a step runs: on which device, how large, and what this machine's versions cannot do."""

import importlib.util
import inspect
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import Qwen3VLForConditionalGeneration, Qwen3VLModel

from tests.bench.device.layers import (
    FULL_SCALE,
    FULL_SHAPE,
    SMALL_SCALE,
    SMALL_SHAPE,
    Scale,
    Shape,
    choose_layers,
)

NO_CUDA = "no CUDA device"


@dataclass(frozen=True)
class Setting:
    """One step's surroundings."""

    device: torch.device
    shape: Shape
    scale: Scale
    missing: Mapping[str, str]
    """Why something cannot be done here, for each thing that cannot."""

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        """Of the models whose time is measured: a CPU shows only that the bench works."""
        return torch.bfloat16 if self.on_gpu else torch.float32

    def why_not(self, *things: str) -> str | None:
        """The first reason that one of `things` is missing."""
        return next((self.missing[thing] for thing in things if thing in self.missing), None)

    def with_layers(self, most: int) -> "Setting":
        """At most so many decoder layers, for what needs no whole model."""
        return replace(self, shape=replace(self.shape, layers=min(most, self.shape.layers)))


def make_setting(facts: Mapping[str, Any], *, layers: int | None, tiny: bool) -> Setting:
    """What was told decides, then what the first step found, then the free memory."""
    has_cuda = torch.cuda.is_available()
    device = torch.device("cuda" if has_cuda else "cpu")
    chosen = layers or facts.get("layers")
    if chosen is None and has_cuda and not tiny:
        chosen = choose_layers(torch.cuda.mem_get_info()[0])
    missing = find_missing()
    if tiny or not has_cuda or not chosen:
        return Setting(device, SMALL_SHAPE, SMALL_SCALE, missing)
    return Setting(device, replace(FULL_SHAPE, layers=chosen), FULL_SCALE, missing)


def find_missing() -> dict[str, str]:
    """What this machine lacks, and how that was found."""
    found = {
        "cuda": None if torch.cuda.is_available() else NO_CUDA,
        "deepspeed": _unless(importlib.util.find_spec("deepspeed"), "deepspeed is not installed"),
        "compiler": _compiler(),
        "varlen": _varlen(),
        "gqa in varlen": _gqa_in_varlen(),
        "given features": _unless(
            any(
                takes(owner.forward, "mm_encoder_outputs")
                for owner in (Qwen3VLForConditionalGeneration, Qwen3VLModel)
            ),
            _lacks("transformers", "mm_encoder_outputs"),
        ),
        "every n layers": _unless(
            takes(Qwen3VLForConditionalGeneration.gradient_checkpointing_enable, "every_n_layers"),
            _lacks("transformers", "every_n_layers"),
        ),
    }
    return {thing: why for thing, why in found.items() if why is not None}


def takes(function: Any, name: str) -> bool:
    """Whether `function` has an argument of that name; what it would swallow among others does not
    count."""
    return name in inspect.signature(function).parameters


def varlen_attention() -> Any:
    """torch's attention over sequences of any lengths, or None before it had one."""
    if importlib.util.find_spec("torch.nn.attention.varlen") is None:
        return None
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn


def _varlen() -> str | None:
    if varlen_attention() is None:
        return _lacks("torch", "nn.attention.varlen")
    return (
        None if torch.cuda.is_available() else f"{NO_CUDA}, and varlen attention has no CPU kernel"
    )


def _gqa_in_varlen() -> str | None:
    attention = varlen_attention()
    if attention is not None and not takes(attention, "enable_gqa"):
        return _lacks("torch", "enable_gqa in its varlen attention")
    return _varlen()


def _compiler() -> str | None:
    names = ("g++", "clang++") if not torch.cuda.is_available() else ("gcc", "cc", "clang")
    if not any(map(shutil.which, names)):
        return f"no C compiler ({', '.join(names)}), which torch.compile needs"
    return None


def _lacks(library: str, name: str) -> str:
    return f"{library} {sys.modules[library].__version__} has no {name}"


def _unless(found: Any, why: str) -> str | None:
    return None if found else why
