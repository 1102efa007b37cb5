"""The two models of a GRPO run: the policy, prepared for training, and the reference."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import nn
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextAttention

from tasks.core.config import TrainConfig
from tasks.policy.checkpoint import Policy
from tasks.train.lora import adapters_off, add_adapters
from tasks.train.shared_prefix import use_shared_prefix_attention

Reference = Callable[[], AbstractContextManager[Qwen3VLForConditionalGeneration]]
"""Opens the model that KL is measured against for a forward pass."""


def make_trainable(model: Qwen3VLForConditionalGeneration, config: TrainConfig, seed: int) -> None:
    """Prepare `model`, in place: attention over whole groups, what `config` trains, memory."""
    use_shared_prefix_attention(model)
    switch_dropout_off(model)
    model.model.visual.requires_grad_(not config.freeze_vision)
    if config.lora_rank:
        add_adapters(model, config, seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable()


def switch_dropout_off(model: nn.Module) -> None:
    """Training mode, which gradient checkpointing needs, must not make the policy another one."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, Qwen3VLTextAttention):
            module.attention_dropout = 0.0


def frozen_copy(start: Policy) -> Reference:
    """The start policy as a model of its own, which nobody trains."""
    use_shared_prefix_attention(start.model)
    return lambda: nullcontext(start.model)


def base_of(policy: Policy) -> Reference:
    """The trained model itself with its adapters off: no second copy in memory."""

    @contextmanager
    def opened() -> Iterator[Qwen3VLForConditionalGeneration]:
        with adapters_off(policy.model):
            yield policy.model

    return opened
