"""Which weights a name stands for now: a folder counts by its files, a hub name by its commit."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError, safe_open

from tasks.core.checks import shown
from tasks.core.digest import digest_of, digest_of_folder
from tasks.core.errors import InputError

SMALL_BASE = "small"
"""The model name that stands for the small model in this package (`tasks.pretrain` made it)."""
_SMALL_FOLDER = Path(__file__).with_name("small")

_EXPECTED = (
    "expected the name of a Qwen3-VL on the hub (NAME@REVISION for a certain one), a "
    f"folder in Hugging Face layout, {SMALL_BASE!r} or 'tiny'"
)

_KIND = "qwen3_vl"
_CONFIG, _WHOLE, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_WEIGHTS = frozenset({_WHOLE, _INDEX})
_NEEDED = (
    frozenset({_CONFIG}),
    _WEIGHTS,
    frozenset({"tokenizer.json", "vocab.json"}),
    frozenset({"processor_config.json", "preprocessor_config.json"}),
)
"""Files of which one of each set is there."""
_POINTER = b"version https://git-lfs"


class _UnreachableError(InputError):
    """The hub cannot be reached, and its cache on this machine has not what is asked for."""


@dataclass(frozen=True, kw_only=True)
class PolicySource:
    """A model outside the data root."""

    name: str
    """Absolute path of a folder, hub name, or `SMALL_BASE`, which lies in another place on every
    machine."""
    revision: str
    """Commit of a hub model; empty for others."""
    digest: str

    @property
    def place(self) -> str:
        """What transformers loads."""
        return str(_SMALL_FOLDER) if self.name == SMALL_BASE else self.name

    @property
    def address(self) -> str:
        """A name that stands for these weights tomorrow too, as far as a name can."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def find_source(name: str) -> PolicySource:
    """What `name` stands for: `SMALL_BASE`, a folder, a hub name, or one with a branch, tag or
    commit behind an `@`.

    The hub is asked, or its cache on this machine if it cannot be reached (or `HF_HUB_OFFLINE` is
    set).

    Raises:
        InputError: there is no such model.
    """
    if name == SMALL_BASE:
        return PolicySource(name=name, revision="", digest=digest_of_folder(_SMALL_FOLDER))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return PolicySource(
            name=str(folder.resolve()), revision="", digest=digest_of_folder(folder)
        )
    hub_name, _, wanted = name.partition("@")
    revision = _commit(hub_name, wanted)
    return PolicySource(
        name=hub_name, revision=revision, digest=digest_of("policy", hub_name, revision)
    )


def check_source(name: str) -> None:
    """Find a wrong name before anything is computed.

    On a cluster the stages that load the model may reach a cache that this one does not: there only
    what the hub itself refuses counts.

    Raises:
        InputError: there is no such model.
    """
    folder = _SMALL_FOLDER if name == SMALL_BASE else Path(name).expanduser()
    # No name on the hub begins like these, so the hub need not be asked.
    if folder.is_dir() or name.startswith((".", "/", "~")):
        if not folder.is_dir():
            raise InputError(f"model: no folder {name!r}; {_EXPECTED}")
        missing = _missing(folder)
        if missing:
            raise InputError(f"model: no {missing} in the folder {name!r}; {_EXPECTED}")
        _check_files(name, folder)
        return
    try:
        _check_on_hub(name)
    except _UnreachableError:
        if "FLYTE_INTERNAL_EXECUTION_ID" not in os.environ:
            raise


def _check_on_hub(name: str) -> None:
    hub_name, _, wanted = name.partition("@")
    snapshot = _snapshot(hub_name, wanted)
    missing = _missing(snapshot)
    _check_files(name, snapshot)
    if not missing:
        return
    try:
        there = {
            file.rfilename
            for file in HfApi().model_info(hub_name, revision=snapshot.name).siblings or ()
        }
    except Exception as error:  # of whichever client: offline, no network, an error of the hub
        raise _UnreachableError(
            f"model: the hub cannot be reached, and of {name!r} there is no {missing} in its "
            f"cache on this machine; {_EXPECTED}"
        ) from error
    if not _WEIGHTS & there:
        raise InputError(
            f"model: {name!r} has no {' or '.join(sorted(_WEIGHTS))} on the hub; {_EXPECTED}"
        )


def _missing(folder: Path) -> str:
    """What a model in Hugging Face layout needs and the folder has not; empty if it has all."""
    for either in _NEEDED:
        if not any((folder / file).is_file() for file in either):
            return " or ".join(sorted(either))
    return next((part for part in _parts(folder) if not (folder / part).is_file()), "")


def _parts(folder: Path) -> list[str]:
    """The files of the weights."""
    if (folder / _WHOLE).is_file() or not (folder / _INDEX).is_file():
        return [_WHOLE]
    try:
        return sorted(set(json.loads((folder / _INDEX).read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{_INDEX} that can be read"]


def _check_files(name: str, folder: Path) -> None:
    """Check what can be told without reading gigabytes. Of another model's weights transformers
    takes what fits, and makes the rest up.
    """
    try:
        kind = json.loads((folder / _CONFIG).read_bytes()).get("model_type")
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"model: {name!r} has a {_CONFIG} that cannot be read ({error}); {_EXPECTED}"
        ) from error
    if kind != _KIND:
        raise InputError(
            f"model: {name!r} is a {shown(kind)} (model_type in {_CONFIG}), not a {_KIND}; "
            f"{_EXPECTED}"
        )
    # A clone without Git LFS has small texts in the place of weights.
    for path in sorted(folder.iterdir()):
        if path.is_file() and _starts(path).startswith(_POINTER):
            raise InputError(
                f"model: {str(path)!r} is a pointer of Git LFS, not the file itself; run git lfs "
                "pull"
            )
    for part in filter(Path.is_file, (folder / part for part in _parts(folder))):
        try:
            with safe_open(part, framework="np"):
                pass  # the header says how long the file must be
        except SafetensorError as error:
            raise InputError(
                f"model: {str(part)!r} is damaged or not whole ({error}); copy it again"
            ) from error


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_POINTER))


def _commit(name: str, revision: str) -> str:
    return _snapshot(name, revision).name


def _snapshot(name: str, revision: str) -> Path:
    """Where a hub model lies in the cache, under its commit; its configuration is fetched."""
    shown = f"{name}@{revision}" if revision else name
    try:
        snapshot = snapshot_download(name, revision=revision or None, allow_patterns=[_CONFIG])
    except (
        RepositoryNotFoundError,
        RevisionNotFoundError,
        GatedRepoError,
        HFValidationError,
    ) as error:
        raise InputError(
            f"model: {shown!r} is not on the hub, or not for you; {_EXPECTED}"
        ) from error
    except LocalEntryNotFoundError as error:
        raise _UnreachableError(
            f"model: the hub cannot be reached and {shown!r} is not in its cache on this machine; "
            f"{_EXPECTED}"
        ) from error
    except HfHubHTTPError as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(f"model: the hub refuses {shown!r}: {first_line}") from error
    return Path(snapshot)
