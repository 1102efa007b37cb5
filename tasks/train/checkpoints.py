"""Checkpoints of a training run: written whole or not at all, checked before they are used.

A checkpoint is a folder named after the steps done. Every rank writes its share of the state;
`contents.json`, with the digest of every other file, is written last: without it the folder does
not count. The state lies there by parameter name, so another number of ranks or another ZeRO stage
can go on from it.
"""

import logging
import math
import random
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from tasks.core.digest import digest_of_bytes, sha256_of_file
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.train.engine import MOMENTS, WEIGHTS, TrainEngine

logger = logging.getLogger(__name__)

RowT = TypeVar("RowT")
_CONTENTS = "contents.json"
_RECORD = "record.parquet"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What `contents.json` says."""

    num_steps: int
    """Steps done; the place in the data and in the learning rate's schedule follow from it."""
    num_updates: int
    """Updates among them; the others were left out."""
    origin: dict[str, str]
    """The run in the tracker, and the data and plan that the run works on."""
    digests: dict[str, str]
    """Of every other file, by name."""


@dataclass(frozen=True)
class Progress(Generic[RowT]):
    """Where a run goes on from."""

    record: list[RowT] = field(default_factory=list)
    origin: Mapping[str, str] = field(default_factory=dict)
    damaged: Sequence[str] = ()
    """Checkpoints that could not be used, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class Checkpoints(Generic[RowT]):
    """The checkpoints below `key` of a run whose record has rows of `row_type`.

    Every rank makes every call.
    """

    store: Store
    key: str
    row_type: type[RowT]
    engine: TrainEngine
    num_kept: int
    origin: Mapping[str, str]
    """Kept with every checkpoint, see `Contents`."""

    def save(self, record: Sequence[RowT], rng: Mapping[str, Tensor]) -> bool:
        """Write a checkpoint after the steps of `record`, with this rank's random state.

        Returns False if it could not be written (a full disk, say): the reason is in the log, the
        earlier ones stay.
        """
        ranks = self.engine.ranks
        folder = f"{self.key}/{len(record):06d}"
        if ranks.is_first:
            self._drop(folder)  # a half-written or damaged one
        # A barrier: the first rank must not delete what another one has written already.
        ranks.gather(None)
        digests: dict[str, str] = {}
        try:
            error = ""
            digests = self._write_share(folder, record, rng)
        except OSError as failure:
            error = str(failure)
        shares = ranks.gather((error, digests))
        error = next((error for error, _ in shares if error), "")
        if ranks.is_first and not error:
            all_digests = {name: digest for _, part in shares for name, digest in part.items()}
            error = self._finish(folder, len(record), all_digests)
        # Whether the checkpoint counts is known to the first rank alone, and all have to return the
        # same.
        error = ranks.gather(error)[0]
        if error and ranks.is_first:
            logger.error(
                "no checkpoint after step %d: %s; the earlier ones are kept", len(record), error
            )
            self._drop(folder)
        return not error

    def restore(self) -> Progress[RowT]:
        """Put engine and random state back to the last checkpoint that is whole.

        Damaged ones are passed over.
        """
        ranks = self.engine.ranks
        damaged: list[str] = []
        for folder in reversed(ranks.gather(self._finished() if ranks.is_first else [])[0]):
            local = self._local_folder(folder)
            # Every rank has read other files, and all have to go on from the same checkpoint.
            reasons = [reason for part in ranks.gather(self._damage(local)) for reason in part]
            if reasons:
                damaged.append(f"{folder}: {', '.join(reasons)}")
                logger.warning("damaged checkpoint %s; trying the one before", damaged[-1])
                self._leave(local)
                continue
            contents = _read_contents(local / _CONTENTS)
            self._load(local, contents)
            self._leave(local)
            record = read_rows(self.store, f"{folder}/{_RECORD}", self.row_type)
            return Progress(record, contents.origin, damaged)
        return Progress(damaged=damaged)

    def _write_share(
        self, folder: str, record: Sequence[RowT], rng: Mapping[str, Tensor]
    ) -> dict[str, str]:
        """Write this rank's files; returns their digests.

        Raises:
            OSError: one could not be written; raised after the last exchange with the other ranks,
                which wait for it.
        """
        ranks = self.engine.ranks
        digests: dict[str, str] = {}
        failure: OSError | None = None
        for part in (WEIGHTS, *(MOMENTS if self.engine.num_updates else ())):
            # Ranks take turns by parameter; all iterate, since they gather each one together.
            tensors = {
                name: value.cpu().contiguous()
                for i, (name, value) in enumerate(self.engine.state(part))
                if i % ranks.count == ranks.index
            }
            try:
                digests |= self._write(folder, f"{part}-{ranks.index}.safetensors", save(tensors))
            except OSError as error:
                failure = failure or error  # the other parts are still to be gathered
        if failure is not None:
            raise failure
        digests |= self._write(folder, f"rng-{ranks.index}.safetensors", save(dict(rng)))
        if ranks.is_first:
            digests[_RECORD] = write_rows(
                self.store, f"{folder}/{_RECORD}", self.row_type, record
            ).digest
        return digests

    def _write(self, folder: str, name: str, data: bytes) -> dict[str, str]:
        self.store.write_bytes(f"{folder}/{name}", data)
        return {name: digest_of_bytes(data)}

    def _finish(self, folder: str, num_steps: int, digests: dict[str, str]) -> str:
        """Make the checkpoint count and drop those too many; returns what went wrong."""
        updates, origin = self.engine.num_updates, dict(self.origin)
        contents = Contents(
            num_steps=num_steps, num_updates=updates, origin=origin, digests=digests
        )
        try:
            data = TypeAdapter(Contents).dump_json(contents, indent=1)
            self.store.write_bytes(f"{folder}/{_CONTENTS}", data)
        except OSError as error:
            return str(error)
        # Later ones are damaged, or the run would have gone on from them: they do not count here.
        earlier = [other for other in self._finished() if other <= folder]
        for old in earlier[: -self.num_kept]:
            self._drop(old)
        return ""

    def _drop(self, folder: str) -> None:
        self.store.delete(f"{folder}/{_CONTENTS}")  # first: a rest must not look whole
        self.store.delete(folder)

    def _finished(self) -> list[str]:
        """Folders of the checkpoints that count, oldest first."""
        return [
            folder
            for folder in self.store.list_keys(self.key)
            if self.store.exists(f"{folder}/{_CONTENTS}")
        ]

    def _local_folder(self, key: str) -> Path:
        """The folder as a path of this node: its first rank downloads it for all."""
        ranks = self.engine.ranks
        own = self.store.local_folder(key) if ranks.is_first_of_node else None
        paths = ranks.gather((ranks.node, own))
        return next(path for node, path in paths if node == ranks.node and path is not None)

    def _damage(self, local: Path) -> list[str]:
        """What is wrong with this rank's share of the files."""
        ranks = self.engine.ranks
        try:
            digests = sorted(_read_contents(local / _CONTENTS).digests.items())
        except (ValueError, OSError) as error:
            return [f"{_CONTENTS}: {type(error).__name__}"] if ranks.is_first else []
        mine = digests[ranks.index :: ranks.count]  # each file is read by one rank
        missing = [f"{name}: missing" for name, _ in mine if not (local / name).is_file()]
        return missing + [
            f"{name}: other content than was written"
            for name, digest in mine
            if (local / name).is_file() and not sha256_of_file(local / name).startswith(digest)
        ]

    def _load(self, local: Path, contents: Contents) -> None:
        with ExitStack() as stack:
            files = {}
            for path in sorted(local.glob("*-*.safetensors")):
                file = stack.enter_context(safe_open(path, framework="pt"))
                part = path.name.split("-")[0]
                files.update({(part, name): file for name in file.keys()})  # noqa: SIM118
            self.engine.load_state(
                contents.num_updates, lambda part, name: files[part, name].get_tensor(name)
            )
        own_rng = local / f"rng-{self.engine.ranks.index}.safetensors"
        if own_rng.is_file():  # absent for a rank that the run did not have before
            set_rng_state(load_file(own_rng))

    def _leave(self, local: Path) -> None:
        """Remove a downloaded copy when every rank is done with it."""
        self.engine.ranks.gather(None)
        if not self.store.is_local and self.engine.ranks.is_first_of_node:
            shutil.rmtree(local.parent)


def rng_state() -> dict[str, Tensor]:
    """Of the generators that libraries (dropout, say) use: torch's, NumPy's and Python's.

    Our own randomness is derived from (seed, step, sample) and needs no state.
    """
    _, keys, position, has_gauss, gauss = np.random.get_state()
    version, numbers, next_gauss = random.getstate()
    # As tensors, because safetensors holds nothing else.
    state = {
        "torch": torch.get_rng_state(),
        "numpy_keys": torch.from_numpy(np.asarray(keys, dtype=np.int64)),
        "numpy_rest": torch.tensor([position, has_gauss, gauss], dtype=torch.float64),
        "python_numbers": torch.tensor([version, *numbers], dtype=torch.int64),
        # Gaussian numbers come in pairs: the second one of a pair, if it is not used yet.
        "python_gauss": torch.tensor(
            math.nan if next_gauss is None else next_gauss, dtype=torch.float64
        ),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Tensor]) -> None:
    """Put the generators back to where `rng_state` saw them."""
    position, has_gauss, gauss = state["numpy_rest"].tolist()
    version, *numbers = state["python_numbers"].tolist()
    next_gauss = state["python_gauss"].item()
    torch.set_rng_state(state["torch"])
    keys = state["numpy_keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(position), int(has_gauss), gauss))
    gauss_left = None if math.isnan(next_gauss) else next_gauss
    random.setstate((version, tuple(numbers), gauss_left))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _read_contents(path: Path) -> Contents:
    return TypeAdapter(Contents).validate_json(path.read_bytes())
