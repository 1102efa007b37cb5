"""The vision tower's first layer as the product of matrices that it is.

Its patches do not overlap and come cut out already, so its convolution over three dimensions
multiplies each once. Libraries are slow at such convolutions: on a CPU the step back takes several
times as long, cuDNN can be slower by orders of magnitude in bfloat16
(https://github.com/huggingface/transformers/issues/45750), and 9.20, which we install, may have
none (https://github.com/NVIDIA-TAO/tao-core/pull/29). The `fusion_config` of transformers does the
same under another name of the weights, which then fit neither vLLM nor what ZeRO-3 gathers.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear


class _LinearConv3d(nn.Conv3d):
    """Weights and name stay those of a convolution, so that files, LoRA and ZeRO-3 see no
    difference."""

    def forward(self, input: Float[Tensor, "K C T H W"]) -> Float[Tensor, "K D 1 1 1"]:
        product = linear(input.flatten(1), self.weight.flatten(1), self.bias)
        return product[:, :, None, None, None]


def use_linear_patches(model: nn.Module) -> None:
    """Let a Qwen3-VL multiply its patches; the results are the same but for rounding."""
    model.model.visual.patch_embed.proj.__class__ = _LinearConv3d  # type: ignore[union-attr]
