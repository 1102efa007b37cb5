"""Which execution of Flyte works on an MLflow run, and where people can look at it."""

import os

from tasks.core import lease

CONSOLE_VARIABLE = "VIDEOSSR_FLYTE_CONSOLE"
"""Where the console answers, e.g. https://flyte.example/console; the chart gives it to every pod."""
_PODS_OWN = "FLYTE_EXECUTION_URL"
"""Propeller's, if it knows the console; it leads to the pod's own node."""


def execution_tags() -> dict[str, str]:
    """Tags of a run that is worked on here; all empty, so that they are taken away, outside of an execution."""
    execution = lease.this_owner().execution
    return {"videossr.execution": execution, "videossr.execution_url": _url(execution) if execution else ""}


def _url(execution: str) -> str:
    given = os.environ.get(_PODS_OWN, "")
    if given:
        return given.partition("/nodeId/")[0]
    console = os.environ.get(CONSOLE_VARIABLE, "").rstrip("/")
    project, domain, name = execution.split("/")
    return f"{console}/projects/{project}/domains/{domain}/executions/{name}" if console else ""
