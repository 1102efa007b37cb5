"""Where an input really lies, and whether it may be read: nothing outside the given places is.

Uploads are not trusted: links, `..` and list files must not lead anywhere else on this machine.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from tasks.core.objects import is_uri
from tasks.ingest.reasons import Reason, SourceError

# A `::` inside of it chains no file systems.
_IPV6_HOST = re.compile(r"(?<=://)\[[0-9A-Fa-f:.]+\]")


class Remote(NamedTuple):
    """An input that is not a file of this machine."""

    uri: str
    roots: tuple[str, ...]
    """Where the user said that it may lie; a host of the web that none of these names must be a
    public one."""

    def __str__(self) -> str:
        return self.uri


def locate(root: str, name: str, more_roots: Sequence[str] = ()) -> Path | Remote:
    """The file behind `name` with all links resolved, or its URI.

    Raises:
        SourceError: it lies neither below `root` nor below one of `more_roots`.
        OSError: it is not there.
    """
    if is_uri(name):
        return _uri(name, [root, *more_roots])
    if is_uri(root):
        return _uri(f"{root}/{name}", [root])
    # Not Path.resolve: a loop of links is no OSError for it before Python 3.13.
    top = Path(os.path.realpath(root, strict=True))
    path = Path(os.path.realpath(top / name, strict=True))
    folders = [
        top,
        *(Path(os.path.realpath(folder)) for folder in more_roots if not is_uri(folder)),
    ]
    if not any(path.is_relative_to(folder) for folder in folders):
        detail = (
            f"leads out of {root} (a link, `..`, or a path elsewhere); copy the file, or add "
            "to ingest.list_roots"
        )
        raise SourceError(
            Reason.OUTSIDE,
            detail if more_roots else "a link that leads out of the folder; copy the file",
        )
    return path


def _uri(uri: str, roots: Sequence[str]) -> Remote:
    # `::` chains file systems in fsspec (zip::file:...), and `..` is resolved by servers and HTTP
    # clients.
    climbs = ".." in PurePosixPath(unquote(uri)).parts
    is_chain = "::" in _IPV6_HOST.sub("", uri)
    if is_chain or climbs or not any(_begins(uri, root) for root in roots if is_uri(root)):
        allowed = ", ".join(root for root in roots if is_uri(root)) or "no URI at all"
        raise SourceError(
            Reason.OUTSIDE,
            f"allowed here: {allowed}; without `..` and `::` (see ingest.list_roots)",
        )
    return Remote(uri, tuple(roots))


def _begins(uri: str, root: str) -> bool:
    """Below `root`, which ends at a slash: https://host must not allow https://host.elsewhere."""
    return uri == root or uri.startswith(root if root.endswith("/") else f"{root}/")
