"""A tracker that loses nothing while its server is away: entries wait in the data root and are sent later, in order."""

import base64
import json
import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.tracking.tracker import RunStatus, Tracker, TrackerUnreachableError

logger = logging.getLogger(__name__)

OUTBOX = "outbox"
"""Folder of the data root with what waits, by run."""
_PAUSE_SECONDS = 60.0
"""After a failure nothing is tried for so long: every try costs training time."""


class PatientTracker:
    """Passes everything on to `tracker`; what it cannot take now is kept, and nothing is sent before it."""

    def __init__(self, tracker: Tracker, store: Store, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._tracker = tracker
        self._store = store
        self._folder = f"{OUTBOX}/{tracker.run_id}"
        self._pause_seconds = pause_seconds
        self._closed_until = 0.0
        self._may_hold = True
        """Whether entries may wait, also those of an earlier process."""
        self._unwritten: list[bytes] = []
        """Entries that not even the data root could take (a full disk)."""

    @property
    def run_id(self) -> str:
        return self._tracker.run_id

    def log_params(self, params: Mapping[str, str]) -> None:
        self._pass_on("log_params", params=dict(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None) -> None:
        at = time.time() if at_seconds is None else at_seconds
        self._pass_on("log_metrics", metrics=dict(metrics), step=step, at_seconds=at)

    def log_bytes(self, name: str, data: bytes) -> None:
        self._pass_on("log_bytes", name=name, data=base64.b64encode(data).decode())

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        fields = {"key": dataset.key, "digest": dataset.digest, "num_rows": dataset.num_rows}
        self._pass_on("log_dataset", name=name, dataset=fields, context=context)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._pass_on("set_tags", tags=dict(tags))

    def set_status(self, status: RunStatus) -> None:
        self._pass_on("set_status", status=str(status))

    def flush(self) -> int:
        """Try once more to send what waits; returns how many entries still do."""
        self._closed_until = 0.0
        self._send_kept()
        return len(self._store.list_keys(self._folder)) + len(self._unwritten)

    def _pass_on(self, method: str, **arguments: Any) -> None:
        entry = json.dumps({"method": method, "arguments": arguments}).encode()
        if not (self._send_kept() and self._send(entry)):
            self._keep(entry)

    def _send_kept(self) -> bool:
        """Send what waits, oldest first; returns whether nothing waits any more."""
        if not self._may_hold:
            return True
        for key in self._store.list_keys(self._folder):
            try:
                if not self._send(self._store.read_bytes(key)):
                    return False
            except Exception:  # one entry that is refused, of a deleted run say, must not hold up the rest
                logger.exception("the tracker refused %s, which had waited; it is dropped", key)
            self._store.delete(key)
        while self._unwritten:
            if not self._send(self._unwritten[0]):
                return False
            del self._unwritten[0]
        self._may_hold = False
        return True

    def _send(self, entry: bytes) -> bool:
        if time.monotonic() < self._closed_until:
            return False
        try:
            _apply(self._tracker, **json.loads(entry))
        except TrackerUnreachableError as error:
            self._closed_until = time.monotonic() + self._pause_seconds
            logger.warning("%s; metrics are kept in %s meanwhile", error, self._store.path(self._folder))
            return False
        return True

    def _keep(self, entry: bytes) -> None:
        self._may_hold = True
        # The clock orders the entries of one process; two with the same time are of different processes.
        key = f"{self._folder}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        try:
            self._store.write_bytes(key, entry)
        except OSError as error:
            logger.error("an entry for the tracker is kept in memory only: %s", error)
            self._unwritten.append(entry)


def _apply(tracker: Tracker, method: str, arguments: dict[str, Any]) -> None:
    match method:
        case "log_params":
            tracker.log_params(arguments["params"])
        case "log_metrics":
            tracker.log_metrics(arguments["metrics"], arguments["step"], arguments["at_seconds"])
        case "log_bytes":
            tracker.log_bytes(arguments["name"], base64.b64decode(arguments["data"]))
        case "log_dataset":
            tracker.log_dataset(arguments["name"], Artifact(**arguments["dataset"]), arguments["context"])
        case "set_tags":
            tracker.set_tags(arguments["tags"])
        case "set_status":
            tracker.set_status(RunStatus(arguments["status"]))
        case _:
            raise ValueError(f"unknown entry {method!r} in the outbox")
