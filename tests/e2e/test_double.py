"""The double of Flyte against which the cluster's tests run is as strict as the real one.

What each of these fails with was seen on Flyte 1.16.8 and Kubernetes 1.34, or is written in their
sources.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flyteidl.admin import launch_plan_pb2
from flyteidl.core.execution_pb2 import NodeExecution, WorkflowExecution
from flytekit.models.common import AuthRole, NamedEntityIdentifier
from flytekit.models.core.identifier import Identifier, ResourceType, WorkflowExecutionIdentifier
from flytekit.models.execution import ExecutionMetadata, ExecutionSpec
from flytekit.models.launch_plan import LaunchPlanState
from flytekit.models.literals import Literal, LiteralMap, Primitive, Scalar

from tasks.deployment.flyte import connect
from tests.helpers.cluster import IMAGES, PLACE, POLL, Backend
from tests.helpers.flyte_containers import Container
from tests.helpers.pyflyte import REPO_ROOT, isolated_env
from tests.helpers.s3_server import s3_server
from tests.helpers.warm.room import why_none

pytestmark = pytest.mark.slow
in_rooms = pytest.mark.skipif(bool(why_none()), reason=f"pods of another user: {why_none()}")
_PROJECT, _DOMAIN = "videossr", "production"


@pytest.fixture(scope="module")
def flyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The small jobs, registered as version v1, where GPU stages have three gigabytes."""
    folder = tmp_path_factory.mktemp("flyte")
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found = Backend(
            folder, isolated_env(folder), endpoint, REPO_ROOT / "tests" / "helpers" / "jobs"
        )
        found.deploy({"stages": {"gpu": {"memory": "3Gi"}}})
        done = found.register()
        assert done.returncode == 0, done.stdout + done.stderr
        yield found
        found.stop()


@pytest.fixture(autouse=True)
def started(flyte: Backend) -> Iterator[list[Container]]:
    """The containers of a test, in order; the double is as it was afterwards."""
    found: list[Container] = []
    flyte.runner.on_start = found.append
    flyte.runner.attempts.clear()
    yield found
    flyte.runner.minutes, flyte.runner.is_restricted = {}, False


@in_rooms
def test_a_pod_is_its_user_in_the_image_and_has_the_variables_that_it_was_given_alone(
    flyte: Backend,
) -> None:
    seen = json.loads(_output(flyte, _run(flyte, "look_job")))
    variables = seen.pop("variables")
    assert seen == {
        "user": 10001, "groups": [10001], "folder": "/home/videossr", "writable": [".", "/tmp"],
        "child": "10001 /home/videossr True",
    }  # fmt: skip
    # Its child is in the same room, and has been started as quickly.
    assert variables["AWS_ACCESS_KEY_ID"] == "test", "of the secret that the deployment names"
    assert json.loads(variables["VIDEOSSR_DEPLOYMENT"])["stages"] == {"gpu": {"memory": "3Gi"}}
    assert not [
        name for name in flyte.env if name in ("PYTHONPATH", "TMPDIR") and name in variables
    ]

    before = json.loads(_output(flyte, _run(flyte, "look_as_before_job")))
    left = before.pop("variables")
    assert before == {**seen, "groups": []}
    assert not [name for name in left if name.startswith(("AWS_", "VIDEOSSR_"))], (
        "nothing of the laptop"
    )
    assert left["PATH"].startswith("/opt/venv/bin:")


@in_rooms
def test_an_archive_cannot_be_unpacked_into_the_folder_of_the_image(
    flyte: Backend, started: list[Container]
) -> None:
    command = [
        "run",
        "--remote",
        "--wait",
        *POLL,
        "--copy=all",
        *PLACE,
        *IMAGES,
        "workflows/jobs.py",
    ]
    done = flyte.pyflyte(*command, "look_in_app_job")
    assert done.returncode != 0
    execution = list(flyte.double.executions.values())[-1]
    message = execution.closure.error.message
    assert "Failed to get data from s3://" in message, message
    assert "PermissionError" in started[0].log.read_text()
    assert len(started) == 4, "the container cannot say why: Flyte tries it again by itself"
    done = flyte.pyflyte(*command, "look_job")
    assert done.returncode == 0, "a working directory that can be written to is what it takes"


def test_what_a_dynamic_starts_is_compiled_in_its_pod(
    flyte: Backend, started: list[Container]
) -> None:
    for job, memory in (("grow_job", "3Gi"), ("grow_as_before_job", "64Gi")):
        started.clear()
        assert _run(flyte, job).closure.phase == WorkflowExecution.SUCCEEDED
        [child] = [found for found in started if found.task.endswith("measure")]
        assert child.pod.container["resources"]["limits"]["memory"] == memory, job


def test_the_limit_of_a_dynamic_ends_what_it_started(
    flyte: Backend, started: list[Container]
) -> None:
    flyte.runner.minutes = {"workflows.jobs.measure": 90.0}
    execution = _run(flyte, "grow_as_before_job")
    assert execution.closure.error.message == "Timeout in node"
    assert Counter(found.task for found in started) == {"workflows.jobs.grow_as_before": 2}
    assert _nodes(flyte, execution)["n0"].closure.phase == NodeExecution.TIMED_OUT
    assert _run(flyte, "grow_job").closure.phase == WorkflowExecution.SUCCEEDED, (
        "it has none of its own"
    )
    flyte.runner.minutes = {"workflows.jobs.measure": 721.0}
    assert _run(flyte, "grow_job").closure.phase == WorkflowExecution.FAILED, "its child has"


@pytest.mark.parametrize(
    ("how", "attempts", "code"),
    [
        ("wrong input", 1, "USER:"),
        ("recoverable", 3, "USER:"),
        ("killed", 4, "RetriesExhausted|Interrupted"),
        ("without a word", 4, "RetriesExhausted|Interrupted"),
        ("too large", 1, "OutputSizeExceeded"),
    ],
)
def test_how_often_an_end_is_tried_again(
    flyte: Backend, started: list[Container], how: str, attempts: int, code: str
) -> None:
    execution = _run(flyte, "end_job", how=how)
    ended = Counter(found.task.rsplit(".", 1)[-1] for found in started)
    assert ended == {"end": attempts, "clean": 1}
    error = execution.closure.error
    assert error.code.startswith(code)
    handler = started[-1].log.read_text()
    if how == "recoverable":
        assert error.message.strip().endswith("the handler failed, too"), (
            "its error takes the place of the first"
        )
        assert "told fn0: [3/3] currentAttempt done. Last Error: USER::" in handler
    else:
        assert f"told fn0: {error.message.splitlines()[0]}" in handler, (
            "Flyte names the handler's own node"
        )


def test_a_pod_that_needs_too_much_memory_costs_the_tasks_own_retries_and_a_deleted_one_does_not(
    flyte: Backend, started: list[Container]
) -> None:
    for end, attempts in (("OOMKilled", 3), ("deleted", 4)):
        started.clear()
        flyte.runner.on_start = lambda container, end=end: _note(container, started, end)
        execution = _run(flyte, "look_job")
        assert len(started) == attempts, end
        assert end in execution.closure.error.message or end == "deleted"


def test_inputs_that_flyte_reads_itself_end_the_execution_without_its_failure_node(
    flyte: Backend, started: list[Container]
) -> None:
    execution = _run(flyte, "two_halves_job", how="")
    assert "max number of system retry attempts" in execution.closure.error.message
    assert "limit exceeded. 2.28" in execution.closure.error.message
    assert {found.task for found in started} == {"workflows.jobs.end"}


def test_an_execution_that_a_person_ends_calls_no_failure_node(flyte: Backend) -> None:
    client = connect(flyte.flyte["FLYTE_PLATFORM_URL"], insecure=True)

    def end(container: Container) -> None:
        execution = list(flyte.double.executions.values())[-1].id
        client.terminate_execution(
            WorkflowExecutionIdentifier.from_flyte_idl(execution), "changed my mind"
        )

    flyte.runner.on_start = end
    execution = _run(flyte, "end_job", how="long")
    found = client.get_execution(WorkflowExecutionIdentifier.from_flyte_idl(execution.id)).closure
    assert found.phase == WorkflowExecution.ABORTED
    assert found.abort_metadata.cause == "changed my mind"
    assert flyte.runner.attempts == []
    assert {node.closure.phase for node in _nodes(flyte, execution).values()} == {
        NodeExecution.ABORTED
    }


def test_the_restricted_standard_refuses_pods_that_say_nothing(
    flyte: Backend, started: list[Container]
) -> None:
    flyte.runner.is_restricted = True
    assert _run(flyte, "look_job").closure.phase == WorkflowExecution.SUCCEEDED
    started.clear()
    message = _run(flyte, "look_as_before_job").closure.error.message
    for rule in ("allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "seccompProfile"):
        assert rule in message
    assert started == []


def test_a_secret_that_is_not_there_starts_no_container(
    flyte: Backend, started: list[Container]
) -> None:
    secrets, flyte.runner.secrets = flyte.runner.secrets, {}
    try:
        message = _run(flyte, "look_job").closure.error.message
    finally:
        flyte.runner.secrets = secrets
    assert 'secret "object-store" not found' in message
    assert started == []


def test_a_part_of_a_map_that_fails_is_an_empty_place_if_enough_succeed(flyte: Backend) -> None:
    killed = {"0"}

    def kill(container: Container) -> None:
        if container.index in killed:
            container.kill()

    flyte.runner.on_start = kill
    assert _run(flyte, "map_job").closure.phase == WorkflowExecution.SUCCEEDED
    assert Counter(code for _, code in flyte.runner.attempts) == {-9: 4, 0: 3}
    killed.add("1")
    execution = _run(flyte, "map_job")
    assert execution.closure.error.message.startswith("[0]: [3/3] currentAttempt done"), (
        "two of three are needed"
    )
    assert _nodes(flyte, execution)["n1"].metadata.is_array


def test_a_map_over_nothing_is_an_empty_list(flyte: Backend, started: list[Container]) -> None:
    """Propeller writes an empty collection for each output since flyteorg/flyte#5080."""
    execution = _run(flyte, "map_nothing_job")
    assert _output(flyte, execution) == "0"
    assert [found.task.rsplit(".", 1)[-1] for found in started] == ["list_nothing", "count"]
    assert _nodes(flyte, execution)["n1"].metadata.is_array


def test_a_version_is_one_structure_and_numbers_above_flytes_limits_are_refused(
    flyte: Backend,
) -> None:
    assert flyte.register().returncode == 0, "the same again is harmless"
    flyte.deploy({"stages": {"gpu": {"memory": "4Gi"}}})
    done = flyte.register()
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert (
        "task with different structure already exists. (Please register a new version of the task)"
        in said
    )
    flyte.double.limits = {"cpu": "2", "memory": "1Gi", "gpu": "1"}
    done = flyte.register(version="v2")
    assert done.returncode != 0
    assert "Requested MEMORY" in done.stdout + done.stderr
    flyte.double.limits = {}
    assert flyte.register(version="v2").returncode == 0


def test_one_version_of_a_launch_plan_is_active_at_most(flyte: Backend) -> None:
    assert flyte.register(version="v3").returncode == 0
    client = connect(flyte.flyte["FLYTE_PLATFORM_URL"], insecure=True)
    name = "workflows.jobs.look_job"
    first, second = (
        Identifier(ResourceType.LAUNCH_PLAN, _PROJECT, _DOMAIN, name, version)
        for version in ("v1", "v3")
    )

    def active() -> list[str]:
        found, _ = client.list_active_launch_plans_paginated(_PROJECT, _DOMAIN)
        return [plan.id.version for plan in found]

    client.update_launch_plan(first, LaunchPlanState.ACTIVE)
    client.update_launch_plan(second, LaunchPlanState.ACTIVE)
    assert active() == ["v3"]
    client.update_launch_plan(first, LaunchPlanState.INACTIVE)
    assert active() == ["v3"], "another version's state"
    states = {plan.id.version: plan.closure.state for plan in _versions(client, name)}
    assert (states["v1"], states["v3"]) == (launch_plan_pb2.INACTIVE, launch_plan_pb2.ACTIVE)
    client.update_launch_plan(second, LaunchPlanState.INACTIVE)
    assert active() == []


def _versions(client: Any, name: str) -> Any:
    return client.list_launch_plans_paginated(NamedEntityIdentifier(_PROJECT, _DOMAIN, name))[0]


def _note(container: Container, started: list[Container], end: str) -> None:
    started.append(container)
    container.kill(end)


def _run(flyte: Backend, job: str, **inputs: str) -> Any:
    """The execution of version v1 once it has ended."""
    client = connect(flyte.flyte["FLYTE_PLATFORM_URL"], insecure=True)
    plan = Identifier(ResourceType.LAUNCH_PLAN, _PROJECT, _DOMAIN, f"workflows.jobs.{job}", "v1")
    metadata = ExecutionMetadata(ExecutionMetadata.ExecutionMode.MANUAL, "test", 0)
    spec = ExecutionSpec(plan, metadata, disable_all=True, auth_role=AuthRole())
    literals = {
        name: Literal(scalar=Scalar(primitive=Primitive(string_value=value)))
        for name, value in inputs.items()
    }
    name = f"e{len(flyte.double.executions)}"
    client.create_execution(_PROJECT, _DOMAIN, name, spec, LiteralMap(literals))
    return flyte.double.wait(name)


def _output(flyte: Backend, execution: Any) -> str:
    assert execution.closure.phase == WorkflowExecution.SUCCEEDED, execution.closure.error.message
    [found] = flyte.double.outputs[execution.id.name].literals.values()
    text: str = found.scalar.primitive.string_value
    return text


def _nodes(flyte: Backend, execution: Any) -> dict[str, Any]:
    """Those within none, by id."""
    client = connect(flyte.flyte["FLYTE_PLATFORM_URL"], insecure=True)
    identifier = WorkflowExecutionIdentifier.from_flyte_idl(execution.id)
    return {node.id.node_id: node for node in client.list_node_executions(identifier)[0]}
