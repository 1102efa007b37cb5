"""Lets the project be imported where only torch, transformers, numpy and safetensors are: the one
stand-in there is.

jaxtyping is in nearly every signature, but only the test suite checks shapes. Without it
`Float[Tensor, "G N R"]` is `Tensor` here. Everything else that a GPU machine may lack is not
imported by what the bench measures (`tests/unit/test_bench_device.py` holds the list).
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Shaped:
    def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
        return item[0]


def stand_in_for_jaxtyping() -> None:
    """Nothing happens where jaxtyping is installed."""
    if find_spec("jaxtyping") is None:
        module = ModuleType("jaxtyping")
        module.__spec__ = ModuleSpec("jaxtyping", None)
        vars(module).update(dict.fromkeys(("Bool", "Float", "Int"), _Shaped))
        sys.modules["jaxtyping"] = module
