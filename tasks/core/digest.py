"""Content digests: the keys by which finished work is found again."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

_HEX_DIGITS = 16


def digest_of(*parts: Any) -> str:
    """Digest of dataclasses and JSON values; equal values give equal digests in every process."""
    text = json.dumps(
        [asdict(p) if is_dataclass(p) and not isinstance(p, type) else p for p in parts],
        sort_keys=True,
    )
    return digest_of_bytes(text.encode())


def digest_of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_HEX_DIGITS]


def digest_of_folder(folder: Path) -> str:
    """Digest of the names and bytes of all files below `folder`; what is hidden (`.git`, `.cache`
    of the hub's downloads, with times in it) belongs to other programs.
    """
    total = hashlib.sha256()
    # Sorted, because the order of `rglob` is the file system's.
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        # A name holds no 0 byte and a digest has a fixed length, so two different folders are never
        # the same sequence of bytes.
        total.update(name.as_posix().encode() + b"\0")
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:_HEX_DIGITS]


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
