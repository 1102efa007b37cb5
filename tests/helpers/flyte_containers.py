"""The double's data plane: every registered task's own command line, as a pod of this machine.

Inputs and outputs go through the object store as on a cluster. How a container ends says who tries
it again: Flyte, what the system took away; the task's own retries, what the task calls recoverable
and what a limit ended; nobody else.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from flyteidl.core import literals_pb2

from tests.helpers import pods
from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.flyte_executions import AbortedError
from tests.helpers.flyte_values import recoverable
from tests.helpers.warm import process as warm

SIGKILL = -9
USER, SYSTEM = "USER", "SYSTEM"
_LOG_LETTERS = 1500


class NodeError(Exception):
    """A node ended, for good."""

    def __init__(self, code: str, message: str, *, is_timeout: bool = False) -> None:
        super().__init__(message)
        self.code, self.is_timeout = code, is_timeout


class RetryableError(NodeError):
    """An attempt ended; `kind` says whose retries it costs."""

    def __init__(self, kind: str, code: str, message: str) -> None:
        super().__init__(code, message)
        self.kind = kind


class PropellerError(Exception):
    """Flyte's engine could not go on: it gives up, and calls no failure node."""

    code = "Workflow abort failed"

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(
            "RuntimeExecutionError: max number of system retry attempts [11/10] exhausted. Last "
            f"known status message: failed at Node[{node}]. {reason}"
        )


@dataclass
class Container:
    """One that has started."""

    task: str
    index: str
    """In a map task, else empty."""
    pod: pods.Pod
    process: warm.WarmProcess
    log: Path
    end: str = ""

    def kill(self, end: str = "") -> None:
        """`end`: "OOMKilled" as Kubernetes says it; "deleted" for its pod; else it was just
        killed."""
        self.end = end
        self.process.kill()


class Containers:
    """Runs single attempts."""

    def __init__(self, s3_endpoint: str, env: Mapping[str, str], folder: Path) -> None:
        self._s3 = boto3.client("s3", endpoint_url=s3_endpoint)
        self.env = dict(env)
        """What Flyte gives every pod: propeller's default-env-vars."""
        self.secrets: dict[str, dict[str, str]] = {}
        """In the namespace of the executions."""
        self.is_restricted = False
        """Whether that namespace has the restricted Pod Security standard."""
        self.code = folder
        """Where the packages of the images lie."""
        self.max_literals = 2 * 2**20
        """Bytes of a node's inputs or outputs that Flyte reads (storage.limits)."""
        self.double: FlyteDouble | None = None
        self.attempts: list[tuple[str, int]] = []
        """(task, exit code or signal) of every container that ended."""
        self.on_start: Callable[[Container], None] = lambda container: None
        """Called with every container that started; a test may kill it."""
        self._folder = folder
        self._running: dict[str, list[Container]] = defaultdict(list)
        self._aborted: set[str] = set()
        self._lock = threading.Lock()

    def abort(self, execution: str) -> None:
        with self._lock:
            self._aborted.add(execution)
            running = list(self._running[execution])
        for container in running:
            container.kill()

    def check_aborted(self, execution: str) -> None:
        """Raises AbortedError if a person ended the execution."""
        if execution in self._aborted:
            raise AbortedError(execution)

    def run_task(
        self, template: Any, prefix: str, inputs: Any, env: Mapping[str, str], index: str
    ) -> tuple[literals_pb2.LiteralMap, bytes | None]:
        """An attempt with its files below `prefix`: (outputs, what a dynamic task starts).

        Raises:
            NodeError: it failed; a RetryableError if it may be tried again.
            AbortedError: a person ended the execution.
        """
        self._put(f"{prefix}/inputs.pb", inputs.SerializeToString())
        self._run_pod(template, prefix, env, index)
        document = self._get(f"{prefix}/out/error.pb")
        if document is not None:
            is_recoverable, code, message = recoverable(document)
            raise (
                RetryableError(USER, code, message) if is_recoverable else NodeError(code, message)
            )
        futures, outputs = (
            self._get(f"{prefix}/out/futures.pb"),
            self._get(f"{prefix}/out/outputs.pb"),
        )
        if futures is None and outputs is None and template.interface.outputs.variables:
            raise RetryableError(USER, "OutputsNotFound", "Outputs not generated by task execution")
        self.check_size(f"{prefix}/out/outputs.pb", len(outputs or b""))
        return literals_pb2.LiteralMap.FromString(outputs or b""), futures

    def check_size(self, name: str, size: int) -> None:
        """Raises NodeError if outputs of `size` bytes are more than Flyte reads of a task."""
        if size > self.max_literals:
            raise NodeError(
                "OutputSizeExceeded",
                f"Remote output size exceeds max, err: [output file @[{name}] is too large "
                f"[{size}] bytes, max allowed [{self.max_literals}] bytes: remote file exceeds "
                "max size]",
            )

    def _run_pod(self, template: Any, prefix: str, env: Mapping[str, str], index: str) -> None:
        pod = pods.pod_of(template)
        if self.is_restricted and pod.violations():
            raise NodeError(
                "RuntimeFailure",
                f"pods is forbidden: violates PodSecurity: {', '.join(pod.violations())}",
            )
        try:
            given = {**pod.environment(self.secrets), **env, **self.env}
        except pods.PodRefusedError as error:
            raise RetryableError(USER, "CreateContainerConfigError", str(error)) from error
        folder = self._folder / prefix.removeprefix(f"s3://{BUCKET}/").replace("/", "-")
        folder.mkdir(parents=True)
        execution = env["FLYTE_INTERNAL_EXECUTION_ID"]
        with (folder / "log").open("wb") as log:
            process = pods.start(pod, _command(pod, prefix), given, folder, self.code, log)
            container = Container(template.id.name, index, pod, process, folder / "log")
            with self._lock:
                self._running[execution].append(container)
                is_aborted = execution in self._aborted
            if is_aborted:
                container.kill()
            self.on_start(container)
            code = process.wait()
        self._running[execution].remove(container)
        pods.remove_volumes(folder)
        self.check_aborted(execution)
        self.attempts.append((template.id.name, code))
        _check_end(pod, container, code)

    def _put(self, uri: str, data: bytes) -> None:
        self._s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=data)

    def _get(self, uri: str) -> bytes | None:
        try:
            found = self._s3.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))
        except ClientError:
            return None
        data: bytes = found["Body"].read()
        return data


def _command(pod: pods.Pod, prefix: str) -> list[str]:
    words = {
        "{{.input}}": f"{prefix}/inputs.pb",
        "{{.outputPrefix}}": f"{prefix}/out",
        "{{.rawOutputDataPrefix}}": f"{prefix}/raw",
        "{{.checkpointOutputPrefix}}": f"{prefix}/checkpoint",
        "{{.prevCheckpointPrefix}}": '""',
        "{{ .dest_dir }}": ".",
        "{{.dest_dir}}": ".",
    }
    return [words.get(word, word) for word in pod.command]


def _check_end(pod: pods.Pod, container: Container, code: int) -> None:
    """What Flyte makes of a container's end; it looks for an error file only where the container
    ended well."""
    if code == 0:
        return
    name = pod.container["name"]
    if container.end == "deleted":
        raise RetryableError(
            SYSTEM, "UnexpectedObjectDeletion", "object terminated in the background, manually"
        )
    said = container.log.read_text(errors="replace")[-_LOG_LETTERS:]
    shown = 128 - code if code < 0 else code
    message = (
        f"[{name}] terminated with exit code ({shown}). Reason "
        f"[{container.end or 'Error'}]. Message: \n{said}."
    )
    if container.end:
        raise RetryableError(USER, container.end, message)
    raise RetryableError(SYSTEM, "Interrupted", message)
