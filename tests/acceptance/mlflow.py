"""What MLflow has of an execution, over its REST interface."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from tasks.tracking.address import credentials

_SECONDS = 30


def ask(address: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **credentials()},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def runs_of(address: str, execution: str) -> list[dict[str, Any]]:
    """Runs that carry "project/domain/name", newest first."""
    experiments = ask(address, "experiments/search", {"max_results": 1000}).get("experiments", [])
    asked = {
        "experiment_ids": [one["experiment_id"] for one in experiments],
        "filter": f"tags.`videossr.execution` = '{execution}'",
        "max_results": 100,
    }
    found: list[dict[str, Any]] = ask(address, "runs/search", asked).get("runs", [])
    return found


def tags_of(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
