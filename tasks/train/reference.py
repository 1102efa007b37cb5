"""The reference that KL is measured against: a frozen copy of the start policy, or the policy without its adapters."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from transformers import Qwen3VLForConditionalGeneration

from tasks.policy.checkpoint import Policy
from tasks.train.attention import use_shared_prefix_attention
from tasks.train.lora import adapters_off

Reference = Callable[[], AbstractContextManager[Qwen3VLForConditionalGeneration]]
"""Opens the reference for a forward pass."""


def frozen_copy(start: Policy) -> Reference:
    """A model of its own, which nobody trains."""
    use_shared_prefix_attention(start.model)
    return lambda: nullcontext(start.model)


def base_of(policy: Policy) -> Reference:
    """The trained model itself, its adapters off: no second copy in memory."""

    @contextmanager
    def opened() -> Iterator[Qwen3VLForConditionalGeneration]:
        with adapters_off(policy.model):
            yield policy.model

    return opened
