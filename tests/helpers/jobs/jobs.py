"""Tasks as the product dresses them, and in the shape they had before: nothing said about the
pod."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flytekit import PodTemplate, dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.error import FlyteError
from kubernetes.client import V1Container, V1PodSpec

from tasks.deployment.stage_task import stage_dynamic, stage_task

_IMAGE = "registry.example/cpu:1"
_HALF = 1_200_000


def _seen() -> str:
    child = [
        "python",
        "-c",
        "import os, sys; print(os.getuid(), os.getcwd(), 'torch' in sys.modules)",
    ]
    places = ("/app", ".", "/tmp", "/usr/lib", "/opt/venv", str(Path(json.__file__).parent))
    return json.dumps(
        {
            "user": os.getuid(),
            "groups": os.getgroups(),
            "folder": os.getcwd(),
            "writable": [place for place in places if os.access(place, os.W_OK)],
            "variables": dict(os.environ),
            "child": subprocess.check_output(child, text=True).strip(),
        }
    )


@stage_task("light")
def look() -> str:
    """What a pod of ours is."""
    return _seen()


@task(container_image=_IMAGE)
def look_as_before() -> str:
    """What a pod is if the task says nothing about it."""
    return _seen()


@task(
    container_image=_IMAGE,
    pod_template=PodTemplate(
        pod_spec=V1PodSpec(containers=[V1Container(name="primary", working_dir="/app")])
    ),
)
def look_in_app() -> str:
    """It starts where the image had its working directory before, which is root's."""
    return _seen()


@workflow
def look_job() -> str:
    return look()


@workflow
def look_as_before_job() -> str:
    return look_as_before()


@workflow
def look_in_app_job() -> str:
    return look_in_app()


@stage_task("light")
def end(how: str) -> str:
    """End in one of the ways in which tasks do."""
    match how:
        case "wrong input":
            raise ValueError("no such thing")
        case "recoverable":
            raise FlyteRecoverableException("the service did not answer")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "without a word":
            os._exit(3)
        case "too large":
            return "x" * 2 * _HALF
        case "long":
            time.sleep(3600)
    return "x" * _HALF


@stage_task("light")
def clean(how: str, err: FlyteError | None = None) -> None:
    """The failure handler."""
    sys.stderr.write(f"told {err.failed_node_id}: {err.message}\n" if err else "told nothing\n")
    if how == "recoverable":
        raise ValueError("the handler failed, too")


@workflow(on_failure=clean)
def end_job(how: str) -> str:
    return end(how=how)


@stage_task("light")
def both(first: str, second: str) -> int:
    return len(first) + len(second)


@workflow
def inner(first: str, second: str) -> int:
    return both(first=first, second=second)


@workflow(on_failure=clean)
def two_halves_job(how: str) -> int:
    """Neither output is too large, but the inputs of a sub-workflow are, which Flyte reads
    itself."""
    return inner(first=end(how=how), second=end(how=how))


@stage_task("gpu")
def measure(number: int) -> int:
    return number


@stage_task("light")
def list_numbers() -> list[int]:
    return [1, 2, 3]


@stage_dynamic("light")
def grow() -> int:
    return measure(number=1)


@dynamic(container_image=_IMAGE, timeout=3600, retries=2)
def grow_as_before() -> int:
    return measure(number=1)


@workflow
def grow_job() -> int:
    return grow()


@workflow
def grow_as_before_job() -> int:
    return grow_as_before()


@stage_task("light")
def list_nothing() -> list[int]:
    return []


@stage_task("light")
def count(numbers: list[int]) -> str:
    return str(len(numbers))


@workflow
def map_nothing_job() -> str:
    """As the main job where there is no benchmark and no anchor."""
    return count(numbers=map_task(measure)(number=list_nothing()))


@workflow
def map_job() -> list[int | None]:
    return map_task(measure, min_success_ratio=0.5)(number=list_numbers())
