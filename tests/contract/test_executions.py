"""What became of an execution, asked of Flyte over its own wire."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.deployment import executions, flyte
from tasks.deployment.executions import (
    ending_of,
    failed_stage,
    first_line,
    is_going,
    stage_of,
    terminate,
)
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.told_flyte import PLACE, ToldFlyte

pytestmark = pytest.mark.slow

_TRACEBACK = """Trace:

    Traceback (most recent call last):
      File "/app/tasks/x.py", line 3, in y
    tasks.core.errors.InputError: videos: none of the 3 files could be used
Message:

    InputError: videos: none of the 3 files could be used"""


GOING = ["UNDEFINED", "QUEUED", "RUNNING", "SUCCEEDING", "FAILING", "ABORTING"]
ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@pytest.mark.parametrize("phase", GOING + ENDED)
def test_an_execution_goes_on_until_flyte_says_that_it_ended(told: ToldFlyte, phase: str) -> None:
    execution = told.tell("f1", phase, error="why" if phase == "FAILED" else "")
    assert is_going(execution) == (phase in GOING)
    assert (ending_of(execution) is None) == (phase in GOING)


def test_what_flyte_does_not_know_has_ended_and_what_it_does_not_say_goes_on(
    told: ToldFlyte,
) -> None:
    assert is_going(f"{PLACE}/never") is False
    assert is_going("other/production/f1") is False
    unknown = ending_of(f"{PLACE}/never")
    assert unknown is not None
    assert (unknown.phase, unknown.by_person) == ("", False)
    execution = told.tell("f1", "FAILED", error="x")
    told.refuses = True
    assert is_going(execution) is True
    with pytest.raises(flyte.SilentError, match="not you"):
        ending_of(execution)


def test_nobody_is_asked_where_no_flyte_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(flyte.ENDPOINT_VARIABLE, raising=False)
    assert is_going(f"{PLACE}/f1") is None


def test_where_flyte_is_away_an_execution_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(flyte.ENDPOINT_VARIABLE, "127.0.0.1:9")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    assert is_going(f"{PLACE}/f1") is True
    assert failed_stage(f"{PLACE}/f1", "failed at Node[n3]. X: y") == "n3"


def test_the_reason_is_flytes_own(told: ToldFlyte) -> None:
    by_ada = ending_of(told.tell("f1", "ABORTED", cause="wrong data\nsee ticket", principal="ada"))
    assert by_ada is not None
    assert (by_ada.reason, by_ada.by_person) == ("aborted by ada: wrong data", True)
    nameless = ending_of(told.tell("f2", "ABORTED", cause="wrong data"))
    assert nameless is not None
    assert nameless.reason == "aborted: wrong data"
    failed = ending_of(told.tell("f3", "FAILED", error=_TRACEBACK))
    assert failed is not None
    assert (failed.reason, failed.by_person) == (
        "InputError: videos: none of the 3 files could be used",
        False,
    )


def test_what_the_sweep_ended_was_no_person(told: ToldFlyte) -> None:
    execution = told.tell("f1", "RUNNING")
    cause = executions.unschedulable(
        "f1-n3-0", 75, "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.\nmore"
    )
    terminate(execution, cause)
    ended = ending_of(execution)
    assert ended is not None
    assert (
        ended.reason
        == "pod f1-n3-0 could not be scheduled for 75 minutes: 0/2 nodes are available: 2 "
        + ("Insufficient nvidia.com/gpu.")
    )
    assert not ended.by_person
    with pytest.raises(flyte.SilentError, match="already terminated"):
        terminate(execution, cause)


def test_the_stage_that_failed_is_the_deepest_and_never_the_failure_node(told: ToldFlyte) -> None:
    execution = told.tell("f1", "FAILED", error="x")
    told.add_node("f1", "n0", "SUCCEEDED", "workflows.configure.configure")
    told.add_node("f1", "n1", "SUCCEEDED", "workflows.job.open_job")
    told.add_node("f1", "n5", "FAILED", "workflows.train_rounds.train_rounds")
    told.add_node("f1", "fn0", "FAILED", "workflows.retrain.fail_retrain", seconds=9)
    told.add_node("f1", "n5/0/dn0", "SUCCEEDED", "tasks.calibrate.task.select_samples")
    told.add_node("f1", "n5/0/dn1", "FAILED")  # a sub-workflow, which is no task
    told.add_node("f1", "n5/0/dn1/0/n2", "TIMED_OUT", "tasks.train.task.train_policy")
    assert failed_stage(execution) == "train"


def test_a_failure_node_that_failed_last_is_not_where_it_began(told: ToldFlyte) -> None:
    execution = told.tell("f1", "FAILED", error="x")
    told.add_node("f1", "n2", "FAILED", "tasks.validate.task.validate_manifests", seconds=1)
    told.add_node("f1", "fn0", "FAILED", "workflows.retrain.fail_retrain", seconds=9)
    assert failed_stage(execution) == "validate"


def test_a_failure_handler_finds_it_while_the_workflow_around_it_still_runs(
    told: ToldFlyte,
) -> None:
    execution = told.tell("f1", "RUNNING")
    told.add_node("f1", "n4", "RUNNING")  # a condition, with the main job in it
    told.add_node("f1", "n4/0/n4-n0", "FAILING")
    told.add_node("f1", "n4/0/n4-n0/0/n2", "FAILED", "tasks.ingest.task.merge_clips")
    told.add_node("f1", "n4/0/n4-n0/0/fn0", "RUNNING", "workflows.retrain.fail_retrain")
    assert failed_stage(execution, "failed at Node[fn0]") == "ingest"


def test_of_an_aborted_one_it_is_what_was_at_work(told: ToldFlyte) -> None:
    execution = told.tell("f1", "ABORTED", cause="x")
    told.add_node("f1", "n1", "SUCCEEDED", "workflows.job.open_job")
    told.add_node("f1", "n2", "ABORTED")
    told.add_node("f1", "n2/0/n0", "ABORTED", "tasks.ingest.task.ingest_shard")
    assert failed_stage(execution) == "ingest"


def test_a_node_that_never_became_a_task_is_called_after_those_around_it(told: ToldFlyte) -> None:
    execution = told.tell("f1", "FAILED", error="x")
    told.add_node("f1", "n3", "FAILED")
    assert failed_stage(execution) == "n3"
    told.add_node("f1", "n4", "FAILED", "workflows.train_rounds.train_rounds", seconds=1)
    told.add_node("f1", "n4/0/dn0", "FAILED")
    assert failed_stage(execution) == "train_rounds"


def test_all_pages_of_nodes_are_read(told: ToldFlyte) -> None:
    execution = told.tell("f1", "FAILED", error="x")
    for number in range(250):
        told.add_node("f1", f"n{number}", "SUCCEEDED", "tasks.ingest.task.ingest_shard")
    told.add_node("f1", "n250", "FAILED", "tasks.promote.task.promote")
    assert failed_stage(execution) == "promote"


def test_without_nodes_the_error_may_name_one(told: ToldFlyte) -> None:
    execution = told.tell("f1", "FAILING")
    assert failed_stage(execution, "failed at Node[n7]. BindingResolutionError: x") == "n7"
    assert failed_stage(execution, "no node in it") == "unknown"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (_TRACEBACK, "InputError: videos: none of the 3 files could be used"),
        (
            "\n[primary] terminated with exit code (137). Reason [OOMKilled].\nMore",
            "[primary] terminated with exit ",
        ),
        ("Message:", "Message:"),
        ("  ", "no message"),
    ],
    ids=["traceback", "pod", "odd", "nothing"],
)
def test_the_first_line_says_what_happened(message: str, line: str) -> None:
    assert first_line(message).startswith(line)


def _stages() -> Iterator[tuple[str, str]]:
    """(task, stage) of every door that names its stage itself; of one with a variable end the
    beginning."""
    for path in sorted(Path(REPO_ROOT, "tasks").glob("*/task.py")):
        for function in ast.parse(path.read_text("utf-8")).body:
            for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == "stage"
                ):
                    name = node.args[1]
                    text = (
                        name.values[0].value
                        if isinstance(name, ast.JoinedStr)
                        else ast.literal_eval(name)
                    )  # type: ignore[attr-defined]
                    yield f"tasks.{path.parent.name}.task.{function.name}", str(text)


@pytest.mark.parametrize(
    ("task", "stage"), list(_stages()), ids=lambda value: str(value).rsplit(".", 1)[-1]
)
def test_stages_are_called_as_their_doors_call_them(task: str, stage: str) -> None:
    assert stage_of(task) == stage.rstrip("_")


def test_other_tasks_are_called_after_their_function() -> None:
    assert stage_of("workflows.job.open_job") == "open_job"
    assert stage_of("tasks.train.task.train_policy") == "train"
    part = "0f055cba991c88cf119c60ad257d77d4-arraynode"
    assert stage_of(f"tasks.ingest.task.map_ingest_shard_{part}") == "ingest", (
        "as flytekit names parts of a map task"
    )
    assert stage_of(f"tasks.evaluate.task.map_answer_shard_{part}") == "answer"
    assert len(list(_stages())) > 15
