"""The policy: a Qwen3-VL with its processor, loaded from and saved to a folder in Hugging Face layout (safetensors)."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
from transformers.utils.logging import disable_progress_bar

from tasks.core.digest import digest_of, digest_of_folder
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Artifact

TINY_BASE = "tiny"
"""The model name that stands for the small model made on the spot."""
_OUTSIDE = "outside:"


@dataclass(frozen=True)
class Policy:
    """A model and the processor that writes its inputs."""

    model: Qwen3VLForConditionalGeneration
    processor: Qwen3VLProcessor

    @property
    def device(self) -> torch.device:
        return self.model.device


def load_policy(source: str | Path, dtype: str) -> Policy:
    """Load a policy from a folder, or from the hub by name; on the GPU when there is one.

    Raises:
        InputError: there is no such model, or it is not a Qwen3-VL.
    """
    disable_progress_bar()
    try:
        model = Qwen3VLForConditionalGeneration.from_pretrained(
            source, dtype=getattr(torch, dtype), use_safetensors=True, attn_implementation="sdpa"
        )
        processor = AutoProcessor.from_pretrained(source)
    except (OSError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(
            f"cannot load the model {str(source)!r}: {first_line}; expected the name of a Qwen3-VL on the hub, "
            f"a folder in Hugging Face layout with safetensors, or {TINY_BASE!r}"
        ) from error
    if not isinstance(processor, Qwen3VLProcessor):
        raise InputError(f"the model {str(source)!r} is a {type(processor).__name__}, expected a Qwen3-VL")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Policy(model=model.eval().to(device), processor=processor)


def save_policy(policy: Policy, folder: Path, weights: dict[str, Tensor] | None = None) -> None:
    """Write weights (safetensors), configuration, tokenizer, processor and chat template.

    `weights` take the place of the model's own, for one whose weights are spread over ranks.
    """
    disable_progress_bar()
    policy.model.save_pretrained(folder, state_dict=weights)
    policy.processor.save_pretrained(folder)


def store_policy(store: Store, key: str, policy: Policy, weights: dict[str, Tensor] | None = None) -> Artifact:
    """Save `policy` as the folder `key` of the store; `weights` as in `save_policy`.

    Raises:
        InputError: it could not be written, e.g. because the disk is full.
    """
    folder = store.scratch_folder()
    try:
        save_policy(policy, folder, weights)
        store.write_folder(key, folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"the policy could not be written to {store.path(key)}: {error}; make room there and run the same "
            "command again: training goes on from its last checkpoint"
        ) from error
    return stored_policy(store, key)


def stored_policy(store: Store, key: str) -> Artifact:
    """The policy saved at `key` before."""
    return Artifact(key=key, digest=digest_of_folder(store.local_folder(key)))


def outside_policy(name: str) -> Artifact:
    """A model that lies outside the store (a hub name or a folder): it is referred to, not copied."""
    return Artifact(key=f"{_OUTSIDE}{name}", digest=digest_of("policy", name))


def open_policy(store: Store, artifact: Artifact, dtype: str) -> Policy:
    """Load what `store_policy` or `outside_policy` refers to."""
    if artifact.key.startswith(_OUTSIDE):
        return load_policy(artifact.key.removeprefix(_OUTSIDE), dtype)
    return load_policy(store.local_folder(artifact.key), dtype)


def vision_token_ids(policy: Policy) -> list[int]:
    """Tokens an answer must never hold: sampled, they would break the next forward pass."""
    config = policy.model.config
    return [config.image_token_id, config.video_token_id, config.vision_start_token_id, config.vision_end_token_id]
