"""The state of every global random generator of this process, as tensors.

Our own randomness is derived from (seed, step, sample) and needs no state; libraries (dropout, say) use these.
"""

import math
import random

import numpy as np
import torch
from torch import Tensor


def rng_state() -> dict[str, Tensor]:
    """The generators of torch (CPU, and this process's GPU), NumPy and Python."""
    _, keys, position, has_gauss, gauss = np.random.get_state()
    version, numbers, next_gauss = random.getstate()
    state = {
        "torch": torch.get_rng_state(),
        "numpy_keys": torch.from_numpy(np.asarray(keys, dtype=np.int64)),
        "numpy_rest": torch.tensor([position, has_gauss, gauss], dtype=torch.float64),
        "python_numbers": torch.tensor([version, *numbers], dtype=torch.int64),
        "python_gauss": torch.tensor(math.nan if next_gauss is None else next_gauss, dtype=torch.float64),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Tensor]) -> None:
    """Put the generators back to where `rng_state` saw them."""
    position, has_gauss, gauss = state["numpy_rest"].tolist()
    version, *numbers = state["python_numbers"].tolist()
    next_gauss = state["python_gauss"].item()
    torch.set_rng_state(state["torch"])
    keys = state["numpy_keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(position), int(has_gauss), gauss))
    random.setstate((version, tuple(numbers), None if math.isnan(next_gauss) else next_gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
