"""What Flyte is told and asked besides runs: which launch plans are active, and what a task may ask
for."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from flyteidl.admin import (
    launch_plan_pb2,
    project_domain_attributes_pb2,
    schedule_pb2,
    workflow_pb2,
)
from flyteidl.core import identifier_pb2
from flytekit import LaunchPlan

from tasks.deployment.flyte import connect
from tasks.deployment.profile import DEFAULT, SIZES
from tasks.preflight.capacity import asks
from tasks.preflight.flyte import check_limits
from tasks.preflight.plans import PLANS, main
from tasks.preflight.prerequisite import Status
from tests.helpers.flyte_admin import FlyteDouble
from tests.helpers.flyte_runner import aws_env
from tests.helpers.s3_server import s3_server
from workflows import launch_plans

pytestmark = pytest.mark.slow

PLACE = {"project": "videossr", "domain": "production"}
CRON = "0 2 * * *"


class Flyte(FlyteDouble):
    """Says whether project and domain have limits of their own, and may want to know who asks."""

    own_limits = False
    wants_sign_in = False

    def GetProjectDomainAttributes(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not self.own_limits:
            context.abort(grpc.StatusCode.NOT_FOUND, "none")
        return project_domain_attributes_pb2.ProjectDomainAttributesGetResponse()

    def GetActiveLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.wants_sign_in:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "token is missing")
        return super().GetActiveLaunchPlan(request, context)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def flyte(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flyte]:
    for name, value in aws_env(s3).items():
        monkeypatch.setenv(name, value)

    def nothing_runs(*_: Any) -> Any:
        raise AssertionError

    double = Flyte(s3, nothing_runs)
    monkeypatch.setenv("FLYTE_PLATFORM_URL", f"127.0.0.1:{double.port}")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    yield double
    double.stop()


def _identifier(kind: int, name: str, version: str) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(resource_type=kind, name=name, version=version, **PLACE)


def _register(version: str, *names: str) -> None:
    client = connect()
    workflow = _identifier(identifier_pb2.WORKFLOW, "workflows.some", version)
    client.raw.create_workflow(
        workflow_pb2.WorkflowCreateRequest(id=workflow, spec=workflow_pb2.WorkflowSpec())
    )
    for name in names:
        spec = launch_plan_pb2.LaunchPlanSpec(workflow_id=workflow)
        if name == "retrain_nightly":
            schedule = schedule_pb2.Schedule(cron_schedule=schedule_pb2.CronSchedule(schedule=CRON))
            spec.entity_metadata.schedule.CopyFrom(schedule)
        plan = _identifier(identifier_pb2.LAUNCH_PLAN, name, version)
        client.raw.create_launch_plan(launch_plan_pb2.LaunchPlanCreateRequest(id=plan, spec=spec))


def _activate(version: str, *names: str) -> None:
    for name in names:
        plan = _identifier(identifier_pb2.LAUNCH_PLAN, name, version)
        request = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan, state=launch_plan_pb2.ACTIVE)
        connect().raw.update_launch_plan(request)


def _active(flyte: FlyteDouble) -> dict[str, str]:
    return {name: found.version for name, found in flyte.active.items()}


def test_our_launch_plans_are_those_of_the_workflows() -> None:
    assert set(PLANS) == {
        plan.name for plan in vars(launch_plans).values() if isinstance(plan, LaunchPlan)
    }


def test_the_named_plans_become_active_and_all_others_of_ours_do_not(
    flyte: Flyte, capsys: pytest.CaptureFixture[str]
) -> None:
    _register("0.1.0-99ff", *PLANS, "somebody_elses")
    _activate("0.1.0-99ff", "retrain_nightly", "retrain_on_arrival", "somebody_elses")
    _register("0.1.0-ab12", *PLANS)
    assert main(["--version=0.1.0-ab12", "--activate", "retrain_nightly", "build_dataset"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "activated    retrain_nightly    0.1.0-ab12 (0 2 * * *)",
        "activated    build_dataset      0.1.0-ab12",
        "deactivated  retrain_on_arrival 0.1.0-99ff",
    ]
    expected = {
        "retrain_nightly": "0.1.0-ab12",
        "build_dataset": "0.1.0-ab12",
        "somebody_elses": "0.1.0-99ff",
    }
    assert _active(flyte) == expected
    num_changes = flyte.calls["UpdateLaunchPlan"]
    assert main(["--version=0.1.0-ab12", "--activate", "retrain_nightly", "build_dataset"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert (_active(flyte), flyte.calls["UpdateLaunchPlan"]) == (expected, num_changes)


@pytest.mark.parametrize(
    "words", [["--none"], ["--version=v1", "--activate"]], ids=["none", "an empty list"]
)
def test_none_ends_them_all_and_may_be_said_again(
    words: list[str], flyte: Flyte, capsys: pytest.CaptureFixture[str]
) -> None:
    _register("v1", *PLANS)
    _activate("v1", "retrain_nightly", "retrain_manual")
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "deactivated  retrain_manual     v1",
        "deactivated  retrain_nightly    v1",
    ]
    assert _active(flyte) == {}
    assert main(words) == 0
    assert capsys.readouterr().out == "no launch plan of ours is active in videossr/production\n"


@pytest.mark.parametrize(
    ("names", "version", "told"),
    [
        (
            ["retrain_manual", "nightly_retrain"],
            "v2",
            "'nightly_retrain', did you mean retrain_nightly?; expected",
        ),
        (
            ["retrain_manual", "build_dataset"],
            "v2",
            "videossr/production has no launch plan build_dataset of version",
        ),
        (
            ["retrain_manual"],
            "v3",
            "has no launch plan retrain_manual of version 'v3': register that version first",
        ),
    ],
    ids=["unknown name", "not in this version", "unknown version"],
)
def test_what_cannot_be_done_changes_nothing(
    names: list[str], version: str, told: str, flyte: Flyte, capsys: pytest.CaptureFixture[str]
) -> None:
    _register("v1", *PLANS)
    _register("v2", "retrain_manual")
    _activate("v1", "retrain_nightly")
    num_changes = flyte.calls["UpdateLaunchPlan"]
    assert main([f"--version={version}", "--activate", *names]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert told in line
    assert (_active(flyte), flyte.calls["UpdateLaunchPlan"]) == (
        {"retrain_nightly": "v1"},
        num_changes,
    )


@pytest.mark.parametrize(
    "words", [[], ["--activate", "retrain_nightly"], ["--none", "--activate", "retrain_nightly"]]
)
def test_a_wrong_command_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_flyte_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "127.0.0.1:9")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    assert main(["--none"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("127.0.0.1:9: UNAVAILABLE, ")


def test_a_pod_without_credentials_asks_without(
    flyte: Flyte, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert main(["--none"]) == 0
    flyte.wants_sign_in = True
    assert main(["--none"]) == 1  # and waits for nobody with a browser
    assert (
        "Flyte wants to know who asks: give FLYTE_CREDENTIALS_CLIENT_ID" in capsys.readouterr().out
    )


def _told(stages: dict[str, Any]) -> list[tuple[Status, str, str]]:
    found = check_limits(connect(), asks(stages), **PLACE)
    return [(one.status, one.detail, one.todo) for one in found]


FLYTES_DEFAULT = {"cpu": "2", "memory": "1Gi", "gpu": "1"}


def test_flytes_default_limits_are_told_with_what_to_raise(flyte: Flyte) -> None:
    flyte.limits = FLYTES_DEFAULT
    assert _told(DEFAULT.stages) == [
        (
            Status.MISSING,
            "Flyte grants a task at most 2 cpu; wanted by cpu 4, gpu 8, train 64",
            "raise task_resources.limits.cpu in flyteadmin's configuration to 64 at least",
        ),
        (
            Status.MISSING,
            "Flyte grants a task at most 1Gi memory; wanted by light 2Gi, cpu 8Gi, gpu 64Gi, train "
            "768Gi",
            "raise task_resources.limits.memory in flyteadmin's configuration to 768Gi at least",
        ),
        (
            Status.MISSING,
            "Flyte grants a task at most 1 nvidia.com/gpu; wanted by train 8",
            "raise task_resources.limits.gpu in flyteadmin's configuration to 8 at least",
        ),
    ]
    flyte.own_limits = True
    assert (
        "limits.cpu of videossr/production (flytectl update task-resource-attribute)"
        in _told(DEFAULT.stages)[0][2]
    )


def test_limits_that_are_high_enough_are_said_to_be(flyte: Flyte) -> None:
    flyte.limits = {"memory": "4Gi"}
    granted = [(Status.OK, "Flyte grants what every stage asks for", "")]
    assert _told(SIZES["small"]) == granted
    num_tasks = len(flyte.registered)
    assert _told(SIZES["small"]) == granted
    assert len(flyte.registered) == num_tasks  # asking again registers nothing
