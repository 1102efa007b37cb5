"""What a tracker could not take, as small files in the data root, by server and by run: nothing
goes to another one.

    outbox/SERVER/RUN/...    waits, and is sent in order when SERVER takes it
    refused/SERVER/RUN/...   SERVER said no for good; each file says why. Nobody needs them: a
                             person deletes them

SERVER is its address, `local` for MLflow's sqlite file in the data root.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from tasks.core.store import Store

logger = logging.getLogger(__name__)

Entry = dict[str, Any]
_WAITING, _REFUSED = "outbox", "refused"


class Outbox:
    """The entries of one run for one server."""

    def __init__(self, store: Store, server: str, run_id: str) -> None:
        self._store = store
        self._place = f"{_slug(server)}/{run_id}"
        self._unwritten: list[Entry] = []
        """Entries that not even the data root could take (a full disk)."""

    @property
    def path(self) -> str:
        """The folder of what waits."""
        return self._store.path(f"{_WAITING}/{self._place}")

    def __len__(self) -> int:
        return len(self._store.list_keys(f"{_WAITING}/{self._place}")) + len(self._unwritten)

    def keep(self, entry: Entry) -> None:
        """Let `entry` wait, behind what waits already."""
        # The clock orders the entries of one process; two with the same time are of different
        # processes.
        key = f"{_WAITING}/{self._place}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        try:
            self._store.write_bytes(key, json.dumps(entry).encode())
        except OSError as error:
            logger.error("an entry for the tracker is kept in memory only: %s", error)
            self._unwritten.append(entry)

    def refuse(self, entry: Entry, reason: str) -> None:
        """Keep what can never be taken, with the reason, where it holds up nothing."""
        key = f"{_REFUSED}/{self._place}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        try:
            self._store.write_bytes(
                key, json.dumps({"refused_because": reason, **entry}, indent=1).encode()
            )
        except OSError as error:
            logger.error("an entry that was refused could not be kept: %s", error)
        logger.error("%s; the entry is kept in %s", reason, self._store.path(key))

    def empty(self, send: Callable[[Entry], bool]) -> bool:
        """Send what waits, oldest first, until one is not taken; returns whether nothing waits any
        more."""
        for key in self._store.list_keys(f"{_WAITING}/{self._place}"):
            try:
                entry = json.loads(self._store.read_bytes(key))
                if not isinstance(entry, dict):
                    raise ValueError(f"expected an object, got {type(entry).__name__}")
            except (ValueError, RecursionError, IsADirectoryError) as error:
                logger.error(
                    "%s is no entry for a tracker (%s): it is left there; delete it", key, error
                )
                continue
            if not send(entry):
                return False
            self._store.delete(key)
        while self._unwritten:
            if not send(self._unwritten[0]):
                return False
            del self._unwritten[0]
        return True


def waiting_runs(store: Store, server: str) -> Iterator[str]:
    """Ids of the runs with entries that wait for `server`."""
    for folder in store.list_keys(f"{_WAITING}/{_slug(server)}"):
        yield PurePosixPath(folder).name


def adopt_unnamed(store: Store, server: str, knows: Callable[[str], bool]) -> None:
    """Entries of earlier versions do not say which server they are for: it is the one that knows
    their run."""
    for folder in store.list_keys(_WAITING):
        run_id = PurePosixPath(folder).name
        if len(run_id) == 32 and "%" not in run_id and knows(run_id):  # an address has a %3A in it
            for key in store.list_keys(folder):
                name = PurePosixPath(key).name
                store.write_bytes(
                    f"{_WAITING}/{_slug(server)}/{run_id}/{name}", store.read_bytes(key)
                )
                store.delete(key)


def _slug(server: str) -> str:
    return quote(server, safe="") or "local"
