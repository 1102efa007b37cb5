"""Which weights a name stands for now: a folder counts by its files, a hub name by its commit."""

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tasks.core.digest import digest_of, digest_of_folder
from tasks.core.errors import InputError

_EXPECTED = (
    "expected the name of a Qwen3-VL on the hub (NAME@REVISION for a certain one), a folder in Hugging Face layout"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model outside the data root."""

    name: str
    """Absolute path of a folder, or hub name."""
    revision: str
    """Commit of a hub model; empty for a folder."""
    digest: str

    @property
    def address(self) -> str:
        """A name that stands for these weights tomorrow too, as far as a name can."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def find_source(name: str) -> Source:
    """What `name` stands for: a folder, a hub name, or one with a branch, tag or commit behind an `@`.

    The hub is asked, or its cache on this machine if it cannot be reached (or `HF_HUB_OFFLINE` is set).

    Raises:
        InputError: there is no such model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Source(name=str(folder.resolve()), revision="", digest=digest_of_folder(folder))
    hub_name, _, wanted = name.partition("@")
    revision = _commit(hub_name, wanted)
    return Source(name=hub_name, revision=revision, digest=digest_of("policy", hub_name, revision))


def check_source(name: str) -> None:
    """Find a wrong name before anything is computed.

    On a cluster the stages that load the model may reach a cache that this one does not: there only what the hub
    itself refuses counts.

    Raises:
        InputError: there is no such model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir() or name.startswith((".", "/", "~")):
        if not (folder / "config.json").is_file():
            found = "no model (config.json)" if folder.is_dir() else "no folder"
            raise InputError(f"model: {found} {name!r}; {_EXPECTED} or 'tiny'")
        return
    try:
        find_source(name)
    except InputError as error:
        if "FLYTE_INTERNAL_EXECUTION_ID" in os.environ and isinstance(error.__cause__, LocalEntryNotFoundError):
            return
        raise


def _commit(name: str, revision: str) -> str:
    """The commit of a hub model: its configuration is fetched, and lies in the cache under the commit."""
    shown = f"{name}@{revision}" if revision else name
    try:
        snapshot = snapshot_download(name, revision=revision or None, allow_patterns=["config.json"])
    except (RepositoryNotFoundError, RevisionNotFoundError, GatedRepoError, HFValidationError) as error:
        raise InputError(f"model: {shown!r} is not on the hub, or not for you; {_EXPECTED} or 'tiny'") from error
    except LocalEntryNotFoundError as error:
        raise InputError(
            f"model: the hub cannot be reached and {shown!r} is not in its cache on this machine; {_EXPECTED} or 'tiny'"
        ) from error
    except HfHubHTTPError as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(f"model: the hub refuses {shown!r}: {first_line}") from error
    return Path(snapshot).name
