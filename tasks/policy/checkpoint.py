"""The policy: a Qwen3-VL with its processor, loaded from and saved to a folder in Hugging Face
layout (safetensors)."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
from transformers.utils.logging import disable_progress_bar

from tasks.core.digest import digest_of_folder, sha256_of_file
from tasks.core.errors import InputError
from tasks.core.store import Store, locate
from tasks.core.types import OUTSIDE, Artifact
from tasks.policy.patches import use_linear_patches
from tasks.policy.source import SMALL_BASE, PolicySource, find_source

TINY_BASE = "tiny"
"""The model name that stands for the small model made on the spot."""
_SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Policy:
    """A model and the processor that writes its inputs."""

    model: Qwen3VLForConditionalGeneration
    processor: Qwen3VLProcessor

    @property
    def device(self) -> torch.device:
        return self.model.device


def load_policy(name: str | Path, dtype: str, revision: str = "") -> Policy:
    """Load a policy from a folder, or from the hub by name and revision; on the GPU when there is
    one.

    Raises:
        InputError: there is no such model, or it is not a Qwen3-VL.
    """
    disable_progress_bar()
    try:
        loaded: Any = Qwen3VLForConditionalGeneration.from_pretrained(
            name,
            revision=revision or "main",
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            attn_implementation="sdpa",
            output_loading_info=True,
        )
        model, found = loaded
        processor = AutoProcessor.from_pretrained(name, revision=revision or "main")
    except (OSError, ValueError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(
            f"cannot load the model {str(name)!r}: {first_line}; expected the name of a Qwen3-VL "
            f"on the hub, a folder in Hugging Face layout with safetensors, {SMALL_BASE!r} or "
            f"{TINY_BASE!r}"
        ) from error
    if found["missing_keys"]:  # transformers makes them up, and only warns
        missing = sorted(found["missing_keys"])
        raise InputError(
            f"the model {str(name)!r} lacks {len(missing)} of a Qwen3-VL's weights, e.g. "
            f"{missing[0]}: it is of another kind, or not whole; expected a folder or hub name "
            "with all of them"
        )
    if not isinstance(processor, Qwen3VLProcessor):
        raise InputError(
            f"the model {str(name)!r} is a {type(processor).__name__}, expected a Qwen3-VL"
        )
    use_linear_patches(model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Policy(model=model.eval().to(device), processor=processor)


def save_policy(policy: Policy, folder: Path, weights: dict[str, Tensor] | None = None) -> None:
    """Write weights (safetensors), configuration, tokenizer, processor and chat template.

    `weights` take the place of the model's own, for one whose weights are spread over ranks.
    """
    disable_progress_bar()
    policy.model.save_pretrained(folder, state_dict=weights)
    policy.processor.save_pretrained(folder)


def store_policy(
    store: Store, key: str, policy: Policy, weights: dict[str, Tensor] | None = None
) -> Artifact:
    """Save `policy` as the folder `key` of the store; `weights` as in `save_policy`.

    Raises:
        InputError: it could not be written, e.g. because the disk is full.
    """
    folder = store.scratch_folder()
    try:
        save_policy(policy, folder, weights)
        # As `sha256sum` writes and checks them, so that a person needs no program of ours.
        lines = [
            f"{sha256_of_file(path)}  {path.name}\n"
            for path in sorted(folder.iterdir())
            if path.is_file()
        ]
        (folder / _SUMS).write_text("".join(lines), encoding="utf-8")
        store.write_folder(key, folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"the policy could not be written to {store.path(key)}: {error}; make room there and "
            "run the same command again: training goes on from its last checkpoint"
        ) from error
    return stored_policy(store, key)


def stored_policy(store: Store, key: str) -> Artifact:
    """The policy saved at `key` before."""
    return Artifact(key=key, digest=digest_of_folder(store.local_folder(key)))


def outside_policy(name: str) -> Artifact:
    """A model that lies outside the store (a folder, or a hub name): it is referred to, not copied.

    A folder counts by its files, a hub name by the commit that it stands for now.

    Raises:
        InputError: there is no such model.
    """
    source = find_source(name)
    return Artifact(key=f"{OUTSIDE}{source.address}", digest=source.digest)


def open_policy(store: Store, artifact: Artifact, dtype: str) -> Policy:
    """Load what `store_policy` or `outside_policy` refers to.

    Raises:
        InputError: it is not what it was: damaged, or replaced since.
    """
    if artifact.is_outside:
        source = _find_once(artifact.key.removeprefix(OUTSIDE))
        if source.digest != artifact.digest:
            raise InputError(
                f"the model {source.name!r} was replaced while the run went on; run the same "
                "command again, which starts from the new one"
            )
        return load_policy(source.place, dtype, source.revision)
    place, key = locate(store, artifact.key)  # a champion may lie in another data root
    folder = place.local_folder(key)
    _check_once(folder, artifact.digest, place.path(key))
    return load_policy(folder, dtype)


# Training opens one policy up to three times (to train, to answer, as reference): gigabytes are
# read through once.
@cache
def _find_once(address: str) -> PolicySource:
    return find_source(address)


@cache
def _check_once(folder: Path, digest: str, shown: str) -> None:
    """Compare a policy's files with the digest that they had; `shown` is where it lies, for people.

    Raises:
        InputError: they differ; names the file if the folder has its checksums.
    """
    if digest_of_folder(folder) == digest:
        return
    # What decides is the digest; the list only tells which file it was.
    sums = folder / _SUMS
    listed = (
        [line.split("  ", 1) for line in sums.read_text(encoding="utf-8").splitlines()]
        if sums.is_file()
        else []
    )
    changed = [name for sha256, name in listed if not _is_as_listed(folder / name, sha256)]
    where = f"{shown}/{changed[0]}" if changed else shown
    raise InputError(
        f"{where} is not what was written: it is damaged, missing or was replaced; put the right "
        f"file back, or delete {shown} and run the command that made it again"
    )


def _is_as_listed(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of_file(path) == sha256


def vision_token_ids(policy: Policy) -> list[int]:
    """Tokens an answer must never hold: sampled, they would break the next forward pass."""
    config = policy.model.config
    return [
        config.image_token_id,
        config.video_token_id,
        config.vision_start_token_id,
        config.vision_end_token_id,
    ]
