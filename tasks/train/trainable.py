"""Prepares a loaded model for training: attention over whole groups, what is trained of it, and how it saves memory."""

from torch import nn
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextAttention

from tasks.core.config import TrainConfig
from tasks.train.attention import use_shared_prefix_attention
from tasks.train.lora import add_adapters


def make_trainable(model: Qwen3VLForConditionalGeneration, config: TrainConfig, seed: int) -> None:
    """Prepare `model`, in place, for what `config` trains."""
    use_shared_prefix_attention(model)
    switch_dropout_off(model)
    model.model.visual.requires_grad_(not config.freeze_vision)
    if config.lora_rank:
        add_adapters(model, config, seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable()


def switch_dropout_off(model: nn.Module) -> None:
    """Training mode is needed for gradient checkpointing, but the policy must stay the one that gave the answers."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, Qwen3VLTextAttention):
            module.attention_dropout = 0.0
