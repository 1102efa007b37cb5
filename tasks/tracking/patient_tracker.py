"""A tracker that loses nothing while its server is away: entries wait in the data root and are sent
later, in order."""

import base64
import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tasks.core.digest import digest_of
from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.tracking.outbox import Entry, Outbox
from tasks.tracking.tracker import RunStatus, Tracker, TrackerUnreachableError

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0
"""After a failure nothing is tried for so long: every try costs training time."""


class PatientTracker:
    """Passes everything on to `tracker`; what it cannot take now is kept, and nothing is sent
    before it.

    What it refuses for good is put aside with the reason. `server` is whose tracker it is: entries
    go to no other.
    """

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        *,
        server: str = "",
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._outbox = Outbox(store, server, tracker.run_id)
        self._steps = f"logged/{digest_of(server, tracker.run_id)}"
        self._last_steps: dict[str, int] = {}
        """Number of the last step, by series."""
        self._pause_seconds = pause_seconds
        self._closed_until = 0.0
        self._may_hold = True
        """Whether entries may wait, also those of an earlier process."""

    @property
    def run_id(self) -> str:
        return self._tracker.run_id

    @property
    def waiting_in(self) -> str:
        """The folder of what waits."""
        return self._outbox.path

    def log_params(self, params: Mapping[str, str]) -> None:
        self._pass_on("log_params", params=dict(params))

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None
    ) -> None:
        at = time.time() if at_seconds is None else at_seconds
        self._pass_on("log_metrics", metrics=dict(metrics), step=step, at_seconds=at)

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        # What is about to be passed on is kept first. After a kill it is passed on once more, value
        # and time the same,
        # which MLflow takes as the same point; and all that is done again up to there is not passed
        # on.
        if series not in self._last_steps:
            self._last_steps[series] = self._repeat_last(series)
        if step <= self._last_steps[series]:
            return
        at = time.time() if at_seconds is None else at_seconds
        arguments = {"metrics": dict(metrics), "step": step, "series": series, "at_seconds": at}
        self._mark(series, arguments)
        self._pass_on("log_step", **arguments)

    def log_bytes(self, name: str, data: bytes) -> None:
        # An entry that has to wait becomes JSON, which cannot hold bytes.
        self._pass_on("log_bytes", name=name, data=base64.b64encode(data).decode())

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        self._pass_on("log_table", name=name, rows=[dict(row) for row in rows])

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        fields = {"key": dataset.key, "digest": dataset.digest, "num_rows": dataset.num_rows}
        self._pass_on("log_dataset", name=name, dataset=fields, context=context)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._pass_on("set_tags", tags=dict(tags))

    def set_status(self, status: RunStatus) -> None:
        self._pass_on("set_status", status=str(status))
        if status == RunStatus.FINISHED:  # nobody goes on with it
            with suppress(OSError):
                self._store.delete(self._steps)

    def flush(self) -> int:
        """Try once more to send what waits; returns how many entries still do."""
        self._closed_until = 0.0
        return 0 if self._send_kept() else len(self._outbox)

    def _pass_on(self, method: str, **arguments: Any) -> None:
        entry = {"method": method, "arguments": arguments}
        if not (self._send_kept() and self._send(entry)):
            self._may_hold = True
            self._outbox.keep(entry)

    def _send_kept(self) -> bool:
        """Send what waits, oldest first; returns whether nothing waits any more."""
        if self._may_hold:
            self._may_hold = not self._outbox.empty(self._send)
        return not self._may_hold

    def _send(self, entry: Entry) -> bool:
        """Whether `entry` need not be sent again: it was taken, or refused for good."""
        if time.monotonic() < self._closed_until:
            return False
        try:
            _apply(self._tracker, **entry)
        except TrackerUnreachableError as error:
            self._closed_until = time.monotonic() + self._pause_seconds
            logger.warning("%s; metrics are kept in %s meanwhile", error, self._outbox.path)
            return False
        except Exception as error:  # one that is refused must not hold up the rest, nor end a stage
            self._outbox.refuse(entry, f"the tracker refused an entry: {error}")
        return True

    def _repeat_last(self, series: str) -> int:
        key = self._mark_key(series)
        try:
            arguments = json.loads(self._store.read_bytes(key)) if self._store.exists(key) else None
        except ValueError:
            logger.warning(
                "%s is damaged: some steps may stand in MLflow twice", self._store.path(key)
            )
            return -1
        if arguments is None:
            return -1
        self._pass_on("log_step", **arguments)
        return int(arguments["step"])

    def _mark(self, series: str, arguments: Mapping[str, Any]) -> None:
        self._last_steps[series] = int(arguments["step"])
        try:
            self._store.write_bytes(self._mark_key(series), json.dumps(arguments).encode())
        except OSError as error:
            logger.warning("if this run is killed now, steps may stand in MLflow twice: %s", error)

    def _mark_key(self, series: str) -> str:
        return f"{self._steps}/{digest_of(series)}.json"


def _apply(tracker: Tracker, method: str, arguments: dict[str, Any]) -> None:
    match method:
        case "log_params":
            tracker.log_params(arguments["params"])
        case "log_metrics":
            tracker.log_metrics(arguments["metrics"], arguments["step"], arguments["at_seconds"])
        case "log_step":
            tracker.log_step(**arguments)
        case "log_bytes":
            tracker.log_bytes(arguments["name"], base64.b64decode(arguments["data"]))
        case "log_table":
            tracker.log_table(arguments["name"], arguments["rows"])
        case "log_dataset":
            tracker.log_dataset(
                arguments["name"], Artifact(**arguments["dataset"]), arguments["context"]
            )
        case "set_tags":
            tracker.set_tags(arguments["tags"])
        case "set_status":
            tracker.set_status(RunStatus(arguments["status"]))
        case _:
            raise ValueError(f"unknown entry {method!r} in the outbox")
