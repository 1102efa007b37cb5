"""The vision tower's first layer as a product of matrices: what it was, in value and gradient."""

import torch
from torch import nn

from tasks.policy.patches import use_linear_patches
from tests.helpers.policy import fresh_policy


def test_values_and_gradients_are_those_of_the_convolution() -> None:
    model = fresh_policy().model
    own = model.model.visual.patch_embed
    assert type(own.proj) is not nn.Conv3d
    assert isinstance(own.proj, nn.Conv3d)  # LoRA and ZeRO see what they know
    found = []
    for kind in (type(own.proj), nn.Conv3d):
        own.proj.__class__ = kind
        model.zero_grad()
        patches = torch.randn(12, 3 * 2 * 16 * 16, generator=torch.Generator().manual_seed(0))
        patches.requires_grad_()
        output = own(patches)
        output.square().sum().backward()
        found.append((output.detach(), own.proj.weight.grad, own.proj.bias.grad, patches.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_names_of_weights_stay() -> None:
    model = fresh_policy().model
    names = set(model.state_dict())
    use_linear_patches(model)
    assert set(model.state_dict()) == names
    assert "model.visual.patch_embed.proj.weight" in names
