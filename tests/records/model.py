"""A small policy whose weights are the same on every processor, whatever order layers are made
in."""

import copy
from functools import cache

import torch

from tests.helpers.policy import fresh_policy
from tests.records.product.data import generator
from tests.records.product.policy import Policy

_SPREAD = 0.08
"""Weights are uniform in plus or minus this: enough for likely and unlikely tokens to differ."""


@cache
def fixed_policy(seed: int) -> Policy:
    """Never trained: whoever trains takes `fresh_copy`."""
    # torch's own normal numbers differ in their last bits between processors; NumPy's uniform ones
    # are scaled integers.
    policy = fresh_policy(seed)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            centre = 1.0 if weight.dim() == 1 and name.endswith("weight") else 0.0  # of norms
            drawn = generator(seed, "fixed policy", name).random(
                tuple(weight.shape), dtype="float32"
            )
            weight.copy_(centre + 2 * _SPREAD * (torch.from_numpy(drawn) - 0.5))
    return policy


def fresh_copy(seed: int) -> Policy:
    """The same policy, to be trained."""
    fixed = fixed_policy(seed)
    return Policy(model=copy.deepcopy(fixed.model), processor=fixed.processor)
