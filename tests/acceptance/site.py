"""The cluster that is tried, through what a platform engineer uses: helm, kubectl, pyflyte, and
Flyte itself."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from flytekit.models.core.execution import WorkflowExecutionPhase
from flytekit.models.core.identifier import WorkflowExecutionIdentifier

from tasks.deployment.executions import first_line
from tasks.deployment.flyte import connect

ROOT = Path(__file__).parents[2]
CHART = "charts/videossr"
_ENDED = {
    WorkflowExecutionPhase.SUCCEEDED,
    WorkflowExecutionPhase.FAILED,
    WorkflowExecutionPhase.ABORTED,
    WorkflowExecutionPhase.TIMED_OUT,
}
_POLL_SECONDS = 2.0
FoundT = TypeVar("FoundT")


class StepError(Exception):
    """What a step expected and did not find."""


@dataclass(kw_only=True)
class Site:
    """Where everything is, and what one step leaves to the next."""

    endpoint: str
    insecure: bool
    project: str
    domain: str
    namespace: str
    release: str
    values: Sequence[Path]
    videos: str
    data_root: str
    tracking_uri: str
    """As this shell reaches MLflow."""
    images: tuple[str, str]
    """CPU and GPU, with their tags."""
    secrets: Path | None
    """Secrets that the values name, as kubectl applies them; for both namespaces."""
    folder: Path
    minutes: float
    env: dict[str, str] = field(default_factory=dict)
    first_version: str = ""
    executions: list[str] = field(default_factory=list)

    @property
    def execution_namespace(self) -> str:
        return f"{self.project}-{self.domain}"

    @property
    def place(self) -> list[str]:
        return ["--project", self.project, "--domain", self.domain]

    @cached_property
    def client(self) -> Any:
        return connect(self.endpoint, insecure=self.insecure)

    def call(
        self,
        *command: str,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
        given: str = "",
        may_fail: bool = False,
    ) -> str:
        """What the command prints.

        Raises:
            StepError: it failed, with its last lines.
        """
        environment = {**os.environ, **self.env, **(env or {})}
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, input=given or None
        )
        if done.returncode != 0 and not may_fail:
            lines = (done.stdout + done.stderr).strip().splitlines()[-12:]
            raise StepError(
                f"`{' '.join(command[:4])} ...` ended with {done.returncode}: " + " | ".join(lines)
            )
        return done.stdout

    def kubectl(self, *args: str, given: str = "") -> str:
        return self.call("kubectl", *args, given=given)

    def listed(self, kind: str, namespace: str, *args: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.kubectl("-n", namespace, "get", kind, *args, "-o", "json")
        )["items"]
        return found

    def helm(self, verb: str, *args: str) -> str:
        return self.call("helm", verb, *args, "--namespace", self.namespace)

    def put_chart(self, verb: str, *more: str) -> str:
        """`helm install` or `upgrade` with the person's values, and what makes it a trial."""
        return self.helm(verb, self.release, CHART, *self._settings(*more), "--timeout", "20m")

    def planned_deployment(self) -> str:
        """What these values decide, before they are installed."""
        version = json.loads(self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
        shown = ["--show-only", "templates/deployment.yaml", "--kube-version", version]
        rendered = yaml.safe_load(
            self.helm("template", self.release, CHART, *self._settings(), *shown)
        )
        return str(rendered["data"]["deployment.json"])

    def installed_deployment(self) -> str:
        found = self.kubectl(
            "-n", self.namespace, "get", "configmap", f"{self.release}-deployment", "-o", "json"
        )
        return str(json.loads(found)["data"]["deployment.json"])

    def _settings(self, *more: str) -> list[str]:
        settings = [
            f"flyte.project={self.project}",
            f"flyte.domain={self.domain}",
            f"flyte.register.videos={self.videos}",
            "flyte.register.size=small",
            "flyte.register.preset=smoke",
            f"objectStore.dataRoot={self.data_root}",
            *more,
        ]
        sets = [word for setting in settings for word in ("--set", setting)]
        return [*(word for path in self.values for word in ("--values", str(path))), *sets]

    def pyflyte(self, *args: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
        return self.call(str(Path(sys.executable).with_name("pyflyte")), *args, cwd=cwd, env=env)

    def python(self, *args: str, env: dict[str, str] | None = None, may_fail: bool = False) -> str:
        return self.call(sys.executable, *args, env=env, may_fail=may_fail)

    def wait_for(self, what: str, look: Callable[[], FoundT | None]) -> FoundT:
        """What `look` finds, once it finds something.

        Raises:
            StepError: it did not within the minutes of a step.
        """
        end = time.monotonic() + self.minutes * 60
        while time.monotonic() < end:
            found = look()
            if found is not None:
                return found
            time.sleep(_POLL_SECONDS)
        raise StepError(f"waited {self.minutes:g} minutes for {what}")

    def execution(self, name: str) -> Any:
        return self.client.get_execution(
            WorkflowExecutionIdentifier(self.project, self.domain, name)
        )

    def phase(self, name: str) -> str:
        return str(WorkflowExecutionPhase.enum_to_string(self.execution(name).closure.phase))

    def ended(self, name: str) -> str:
        """Waits for the end of the execution; its phase."""

        def look() -> str | None:
            return self.phase(name) if self.execution(name).closure.phase in _ENDED else None

        return self.wait_for(f"the end of {name}", look)

    def succeeded(self, name: str) -> None:
        phase = self.ended(name)
        if phase != "SUCCEEDED":
            error = self.execution(name).closure.error
            raise StepError(
                f"{name} ended {phase}: {first_line(error.message) if error else 'no error told'}"
            )

    def terminate(self, name: str, cause: str) -> None:
        self.client.terminate_execution(
            WorkflowExecutionIdentifier(self.project, self.domain, name), cause
        )

    def active_plans(self) -> dict[str, tuple[str, str]]:
        """Version and cron of each active launch plan of the project and domain that has a name of
        ours."""
        found: dict[str, tuple[str, str]] = {}
        token = ""
        while True:
            plans, token = self.client.list_active_launch_plans_paginated(
                self.project, self.domain, token=token
            )
            for plan in plans:
                schedule = plan.spec.entity_metadata.schedule
                cron = (
                    schedule.cron_schedule.schedule if schedule and schedule.cron_schedule else ""
                )
                if "." not in plan.id.name:
                    found[plan.id.name] = (plan.id.version, cron)
            if not token:
                return found

    def started_since(self, known: Sequence[str]) -> list[tuple[str, str]]:
        """(execution, launch plan) of those that are not among `known`."""
        found, _ = self.client.list_executions_paginated(self.project, self.domain, limit=100)
        return [
            (one.id.name, one.spec.launch_plan.name) for one in found if one.id.name not in known
        ]

    def all_executions(self) -> list[str]:
        return [name for name, _ in self.started_since([])]

    def pods(self, execution: str) -> list[dict[str, Any]]:
        return self.listed("pods", self.execution_namespace, "-l", f"execution-id={execution}")

    def archive(self) -> Path:
        """The package as an engineer may have it: outside of a checkout."""
        target = self.folder / "package"
        if not target.exists():
            target.mkdir()
            for name in ("rewards", "tasks", "workflows"):
                shutil.copytree(
                    ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__")
                )
        return target
