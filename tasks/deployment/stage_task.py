"""Flyte's task decorator with the resources, retries and pod that a stage's kind needs on a
cluster.

Locally nothing of it counts.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from typing import Any

from flytekit import FlyteContextManager, Resources, task
from flytekit.core.context_manager import ExecutionState
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.type_engine import DataclassTransformer
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.extras.accelerators import GPUAccelerator

from tasks.core import lease
from tasks.core.errors import InputError, causes
from tasks.core.no_room import no_room_line
from tasks.deployment.pods import StagePod, pod_environment
from tasks.deployment.profile import Deployment, Needs, read_deployment

_TRANSIENT = {
    "TrackerUnreachableError",
    # botocore, aiohttp and google's client, which are not imported to be recognised
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ClientConnectorError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "ServiceUnavailable",
    "TransportError",
}
"""Errors that mean that a service did not answer."""


def _is_going(execution: str) -> bool | None:
    from tasks.deployment.executions import (
        is_going,
    )  # Flyte's client, for the few processes that ask

    return is_going(execution)


lease.ask_about_executions(_is_going)


def stage_task(kind: str, **more: Any) -> Callable[[Callable[..., Any]], Any]:
    """`@stage_task("cpu")`; `more` goes to Flyte's decorator as it is."""
    _remember_literal_types()
    needs = deployment().stages[kind]
    decorator = _flyte_task(needs, more)
    return lambda function: decorator(_retried(function))


def _retried(function: Callable[..., Any]) -> Callable[..., Any]:
    """Flyte tries again what raises its own recoverable error, and nothing else. A full disk is one
    line."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            line = no_room_line(error)
            if line:
                raise InputError(line) from error
            if is_transient(error) and _on_a_cluster():
                raise FlyteRecoverableException(f"{type(error).__name__}: {error}") from error
            raise

    return run


def is_transient(error: BaseException) -> bool:
    """Whether the error, or one that it was raised from, may pass by itself: a service did not
    answer.

    A cluster tries those again, and no others.
    """
    return any(_is_transient(cause) for cause in causes(error))


def _is_transient(error: BaseException) -> bool:
    named = {kind.__name__ for kind in type(error).__mro__} & _TRANSIENT
    return bool(named) or isinstance(error, (ConnectionError, TimeoutError))


def _on_a_cluster() -> bool:
    state = FlyteContextManager.current_context().execution_state
    return state is not None and state.mode == ExecutionState.Mode.TASK_EXECUTION


def _flyte_task(needs: Needs, more: dict[str, Any]) -> Any:
    resources = Resources(
        cpu=needs.cpu, mem=needs.memory, gpu=str(needs.gpus) if needs.gpus else None
    )
    return task(
        requests=resources,
        limits=resources,
        accelerator=GPUAccelerator(needs.accelerator) if needs.accelerator else None,
        shared_memory=needs.shared_memory or None,
        container_image=f"{{{{.image.{needs.image}.fqn}}}}:{{{{.image.{needs.image}.version}}}}",
        retries=needs.retries,
        interruptible=needs.interruptible,
        environment=pod_environment(needs, deployment()),
        pod_template=StagePod(needs, deployment()),
        # `more` wins, because a dynamic has no limit.
        **{"timeout": timedelta(minutes=needs.timeout_minutes)} | more,
    )


def stage_on_nodes(kind: str) -> Callable[[Callable[..., Any]], Any]:
    """The same for a task whose function runs once for every GPU of all its nodes, if there are
    several nodes.

    torch's launcher starts the ranks (Flyte's Elastic); on a single node the task does it itself.
    """
    needs = deployment().stages[kind]
    if needs.nodes == 1:
        return stage_task(kind)
    from flytekitplugins.kfpytorch import Elastic

    # Where a stage leaves /dev/shm as the node has it, Elastic would mount memory of its own there.
    ranks = Elastic(
        nnodes=needs.nodes, nproc_per_node=max(1, needs.gpus), increase_shared_mem=False
    )
    return stage_task(kind, task_config=ranks)


def stage_dynamic(kind: str) -> Callable[[Callable[..., Any]], Any]:
    """The same for a task that decides at run time which others follow.

    Flyte counts their time as its own and ends them with it: it has no limit, each of them has one.
    """
    return stage_task(
        kind, execution_mode=PythonFunctionTask.ExecutionBehavior.DYNAMIC, timeout=None
    )


@cache
def _remember_literal_types() -> None:
    """Work out the Flyte type of a dataclass once a process.

    flytekit 1.16 does so for every input and output that holds one, 859 times for `retrain`, and it
    depends on nothing but the class: most of what starting a command or a container took.
    """
    # A cached function is a descriptor, so it stays a method; the transformer is a single object.
    setattr(DataclassTransformer, "get_literal_type", cache(DataclassTransformer.get_literal_type))  # noqa: B010


@cache
def deployment() -> Deployment:
    """As the environment had it when the first door was read."""
    return read_deployment()
