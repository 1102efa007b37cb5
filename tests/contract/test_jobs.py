"""Whatever a person gives a job decides which job it is: two that differ in it share no MLflow run
and no lease."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from flytekit.core.workflow import PythonFunctionWorkflow
from google.protobuf.json_format import MessageToDict

import workflows
from workflows.job import open_job

_WHERE = {"data_root", "tracking_uri"}
"""Where it works, not what it does."""


def _jobs() -> Iterator[PythonFunctionWorkflow]:
    for found in pkgutil.iter_modules(workflows.__path__):
        module = importlib.import_module(f"workflows.{found.name}")
        for value in vars(module).values():
            is_here = isinstance(value, PythonFunctionWorkflow) and value.name.startswith(
                f"{module.__name__}."
            )
            if is_here and any(node.flyte_entity is open_job for node in value.nodes):
                yield value


JOBS = list(_jobs())


def test_all_jobs_are_looked_at() -> None:
    assert {job.name.rpartition(".")[2] for job in JOBS} >= {
        "retrain",
        "ablation",
        "diagnose",
        "import_dataset",
    }


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name.rpartition(".")[2])
def test_every_input_is_a_part_of_the_key(job: PythonFunctionWorkflow) -> None:
    nodes = {node.id: node for node in job.nodes}
    reached: set[str] = set()
    waiting = [node for node in job.nodes if node.flyte_entity is open_job]
    while waiting:
        for promise in _promises(
            [MessageToDict(part.to_flyte_idl()) for part in waiting.pop().bindings]
        ):
            if node_id := promise.get("nodeId"):
                waiting.append(nodes[node_id])
            else:
                reached.add(promise["var"])
    assert set(job.python_interface.inputs) - reached - _WHERE == set()


def _promises(binding: Any) -> Iterator[dict[str, str]]:
    """In lists and objects too; one without a node is the workflow's own input."""
    if isinstance(binding, dict):
        for name, value in binding.items():
            if name == "promise":
                yield value
            else:
                yield from _promises(value)
    elif isinstance(binding, list):
        for value in binding:
            yield from _promises(value)
