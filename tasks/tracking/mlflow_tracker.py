"""MLflow's record of one run. Each call is made such that it may be repeated: nothing is then there
twice."""

import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit

from tasks.core.redact import redact
from tasks.core.types import Artifact, Run
from tasks.tracking.mlflow_client import asking, open_client, reaching_artifacts
from tasks.tracking.mlflow_runs import find_or_create_child
from tasks.tracking.tracker import RunStatus

if TYPE_CHECKING:
    from mlflow import MlflowClient

ItemT = TypeVar("ItemT")

_MOST_NUMBERS, _MOST_TEXTS = 500, 100
"""In one request; MLflow's limits are 1000 and 100."""
_LONGEST_NAME, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 8000
"""MLflow's limits."""


class MlflowTracker:
    """Tracker of one MLflow run, or of the part of it called `child`.

    Every call raises TrackerUnreachableError if the server does not answer, or does not know the
    run.
    """

    def __init__(self, run: Run, child: str = "") -> None:
        self._run = run
        self._child = child
        self.run_id = f"{run.run_id}+{quote(child, safe='')}" if child else run.run_id

    @property
    def _client(self) -> "MlflowClient":
        # On first use: most map tasks open a tracker only to say how they failed, and MLflow takes
        # seconds to import.
        return open_client(self._run.data_root, self._run.tracking_uri)

    @cached_property
    def _id(self) -> str:
        return find_or_create_child(self._run, self._child) if self._child else self._run.run_id

    def log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        given = {_name(name): redact(value)[:_LONGEST_PARAM] for name, value in params.items()}
        with asking(self._run.tracking_uri):
            stored = self._client.get_run(self._id).data.params
            # MLflow refuses another value for a parameter that stands, and the whole batch with it.
            new = [Param(name, value) for name, value in given.items() if name not in stored]
            for part in _parts(new, _MOST_TEXTS):
                self._client.log_batch(self._id, params=part)
        self.set_tags(
            {
                f"param.{name}": value
                for name, value in given.items()
                if stored.get(name, value) != value
            }
        )

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None
    ) -> None:
        given = {_name(name): value for name, value in metrics.items()}
        with asking(self._run.tracking_uri):
            stored = self._client.get_run(self._id).data.metrics
        self._log(
            {n: value for n, value in given.items() if not _is_same(stored.get(n), value)},
            step,
            at_seconds,
        )

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        self._log({_name(name): value for name, value in metrics.items()}, step, at_seconds)

    def _log(self, metrics: Mapping[str, float], step: int, at_seconds: float | None) -> None:
        from mlflow.entities import Metric

        at_ms = int((time.time() if at_seconds is None else at_seconds) * 1000)
        rows = [Metric(name, value, at_ms, step) for name, value in metrics.items()]
        with asking(self._run.tracking_uri):
            for part in _parts(rows, _MOST_NUMBERS):
                self._client.log_batch(self._id, metrics=part)

    def log_bytes(self, name: str, data: bytes) -> None:
        path = PurePosixPath(name)
        with tempfile.TemporaryDirectory(prefix="videossr-") as folder:
            file = Path(folder) / path.name
            file.write_bytes(data)
            with asking(self._run.tracking_uri), reaching_artifacts():
                self._client.log_artifact(
                    self._id, str(file), str(path.parent) if path.parent.name else None
                )

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

        # What MLflow's own log_table writes; that one puts the rows of a repeated call behind those
        # that are there.
        columns = [*rows[0]] if rows else []
        table = {"columns": columns, "data": [[row[column] for column in columns] for row in rows]}
        self.log_bytes(name, json.dumps(table, allow_nan=False).encode())
        # The file is a table, for MLflow's pages and `load_table`, only if this tag lists it.
        entry = {"path": name, "type": "table"}
        with asking(self._run.tracking_uri):
            tags = self._client.get_run(self._id).data.tags
        known = json.loads(tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]"))
        if entry not in known:
            self.set_tags({MLFLOW_LOGGED_ARTIFACTS: json.dumps([*known, entry])})

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        uri = redact(f"{self._run.data_root}/{dataset.key}")
        entity = Dataset(
            name=name,
            digest=dataset.digest,
            source_type=urlsplit(uri).scheme or "local",
            source=json.dumps({"uri": uri}),
            profile=json.dumps({"num_rows": dataset.num_rows}),
        )
        tag = InputTag(key="mlflow.data.context", value=context)
        with asking(self._run.tracking_uri):
            self._client.log_inputs(self._id, datasets=[DatasetInput(dataset=entity, tags=[tag])])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        given = {_name(name): redact(value)[:_LONGEST_TAG] for name, value in tags.items()}
        with asking(self._run.tracking_uri):
            for part in _parts(
                [RunTag(name, value) for name, value in given.items() if value], _MOST_TEXTS
            ):
                self._client.log_batch(self._id, tags=part)
            gone = [name for name, value in given.items() if not value]
            stored = self._client.get_run(self._id).data.tags if gone else {}
            for name in filter(stored.__contains__, gone):
                self._client.delete_tag(self._id, name)

    def set_status(self, status: RunStatus) -> None:
        with asking(self._run.tracking_uri):
            # set_terminated writes an end time, which a run that goes on must not get.
            if status == RunStatus.RUNNING:
                self._client.update_run(self._id, status=status)
            else:
                self._client.set_terminated(self._id, status=status)


def _parts(items: Sequence[ItemT], most: int) -> Iterator[Sequence[ItemT]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _name(text: str) -> str:
    """`text` with only the signs that MLflow takes in names: some hold what users call their
    things."""
    parts = re.sub(r"[^\w.\- :/]", "_", text).split("/")
    return "/".join(part for part in parts if part.strip("."))[:_LONGEST_NAME].rstrip("/") or "_"


def _is_same(stored: float | None, value: float) -> bool:
    if stored is None or math.isnan(stored) or math.isnan(value):
        return stored is not None and math.isnan(stored) and math.isnan(value)
    return stored == max(
        -sys.float_info.max, min(value, sys.float_info.max)
    )  # infinite numbers are stored so
