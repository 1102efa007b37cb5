"""A small Qwen3-VL made on the spot: the real architecture, chat format and processors, no
download.

It is what the demo trains and what the tests run. The tokenizer is byte-level with a few hundred
merges learnt from our own prompts, digits one by one, so that prompts stay short enough for two
cores.
"""

from collections.abc import Iterable

import torch
from tokenizers import pre_tokenizers
from transformers import (
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

from tasks.policy.checkpoint import Policy
from tasks.policy.patches import use_linear_patches

_SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_VOCABULARY_SIZE = 512
_HEAD_DIM = 32
# The shape of the real chat template, for messages whose content is a list of videos and texts.
_CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- elif part['type'] == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- else -%}{{ part['text'] }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)


def make_tiny_policy(
    *,
    hidden_size: int,
    num_layers: int,
    seed: int,
    texts: Iterable[str],
    vision_layers: int = 2,
    patch_px: int = 16,
) -> Policy:
    """A freshly initialised policy of 1 to 3 million parameters whose tokenizer has merges for
    `texts`."""
    tokenizer = _make_tokenizer(texts)
    # The caller's generator goes on as if nothing had been drawn.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(
            _make_config(tokenizer, hidden_size, num_layers, vision_layers, patch_px)
        )
    use_linear_patches(model)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return Policy(model=model.eval(), processor=_make_processor(tokenizer, patch_px))


def _make_tokenizer(texts: Iterable[str]) -> Qwen2Tokenizer:
    # Sorted, because the order differs from process to process, and token ids would with it.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    byte_level = Qwen2Tokenizer(
        vocab={symbol: index for index, symbol in enumerate(alphabet)}, merges=[]
    )
    tokenizer: Qwen2Tokenizer = byte_level.train_new_from_iterator(
        list(texts), _VOCABULARY_SIZE, new_special_tokens=list(_SPECIAL_TOKENS), show_progress=False
    )
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    return tokenizer


def _make_processor(tokenizer: Qwen2Tokenizer, patch_px: int) -> Qwen3VLProcessor:
    # Both processors need the same statistics, because vLLM normalises videos with the image
    # processor's.
    half = [0.5, 0.5, 0.5]
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            patch_size=patch_px, merge_size=2, image_mean=half, image_std=half
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(
            patch_size=patch_px,
            merge_size=2,
            image_mean=half,
            image_std=half,
            cap_pixels_per_frame=False,
        ),
        chat_template=_CHAT_TEMPLATE,
    )


def _make_config(
    tokenizer: Qwen2Tokenizer,
    hidden_size: int,
    num_layers: int,
    vision_layers: int,
    patch_px: int,
) -> Qwen3VLConfig:
    vision_size = 128
    token_ids = tokenizer.get_vocab()
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": hidden_size,
            "intermediate_size": 2 * hidden_size,
            "num_hidden_layers": num_layers,
            "num_attention_heads": hidden_size // _HEAD_DIM,
            "num_key_value_heads": hidden_size // _HEAD_DIM,
            "head_dim": _HEAD_DIM,
            "max_position_embeddings": 8192,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                # Half of a head's dimensions, shared by time, height and width.
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            # With tied ones vLLM on a CPU keeps a copy that a push of weights does not reach.
            "tie_word_embeddings": False,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": vision_layers,
            "hidden_size": vision_size,
            "intermediate_size": 2 * vision_size,
            "num_heads": 4,
            "patch_size": patch_px,
            "out_hidden_size": hidden_size,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token_ids["<|image_pad|>"],
        video_token_id=token_ids["<|video_pad|>"],
        vision_start_token_id=token_ids["<|vision_start|>"],
        vision_end_token_id=token_ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
