"""What MLflow has of an execution, over its REST interface."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from tasks.tracking.address import credentials

_SECONDS = 30


def versions_in(address: str) -> list[dict[str, Any]]:
    """All versions of all registered models."""
    found: list[dict[str, Any]] = _ask(address, "model-versions/search?max_results=1000", None).get(
        "model_versions", []
    )
    return found


def runs_of(address: str, execution: str) -> list[dict[str, Any]]:
    """Runs that carry "project/domain/name", newest first."""
    experiments = _ask(address, "experiments/search", {"max_results": 1000}).get("experiments", [])
    asked = {
        "experiment_ids": [one["experiment_id"] for one in experiments],
        "filter": f"tags.`videossr.execution` = '{execution}'",
        "max_results": 100,
    }
    found: list[dict[str, Any]] = _ask(address, "runs/search", asked).get("runs", [])
    return found


def tags_of(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


def _ask(address: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **credentials()},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
