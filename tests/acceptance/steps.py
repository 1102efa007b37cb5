"""The steps of charts/videossr/README.md, each with what must be seen after it."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.mlflow import runs_of, tags_of, versions_in
from tests.acceptance.site import Site, StepError

Step = Callable[[Site], str]
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_TRAINING = "train-policy"
_OF_THE_CHART = ("MLflow", "service account", "priority classes")
_OPTIONAL = ("training operator", "storage class")


def namespaces(site: Site) -> str:
    """A scratch namespace with the restricted standard, the same for the executions, and the
    secrets in both."""
    site.kubectl("create", "namespace", site.namespace)
    for namespace in (site.namespace, site.execution_namespace):
        site.kubectl(
            "label",
            "--overwrite",
            "namespace",
            namespace,
            *(f"{k}={v}" for k, v in _RESTRICTED.items()),
        )
        if site.secrets:
            site.kubectl("-n", namespace, "apply", "--filename", str(site.secrets))
    return f"{site.namespace} and {site.execution_namespace} enforce the restricted standard"


def preflight_before(site: Site) -> str:
    """Everything but what the chart brings."""
    images = [
        word
        for kind, image in zip(("cpu", "gpu"), site.images, strict=True)
        for word in ("--image", f"{kind}={image}")
    ]
    out = _preflight(site, *images, deployment=site.planned_deployment(), may_fail=True)
    missing = [line for line in out.splitlines() if line.startswith(("missing", "unreachable"))]
    own = [
        line
        for line in missing
        if not any(f" {name} " in line for name in (*_OF_THE_CHART, *_OPTIONAL))
    ]
    _expect(not own, "preflight found more to do: " + " | ".join(own))
    return (
        f"{sum(line.startswith('ok') for line in out.splitlines())} ok; the chart brings the rest"
    )


def install(site: Site) -> str:
    site.put_chart("install")
    job = json.loads(
        site.kubectl("-n", site.namespace, "get", "job", f"{site.release}-register", "-o", "json")
    )
    _expect(
        bool(job["status"].get("succeeded")), f"the job {site.release}-register did not succeed"
    )
    site.kubectl("-n", site.namespace, "rollout", "status", "deployment", "--timeout=10m")
    plans = site.active_plans()
    _expect("retrain_nightly" in plans, f"retrain_nightly is not active; active are {plans}")
    site.first_version = plans["retrain_nightly"][0]
    return f"registered as {site.first_version}; retrain_nightly at {plans['retrain_nightly'][1]}"


def preflight_after(site: Site) -> str:
    out = _preflight(site, deployment=site.installed_deployment())
    return (
        f"{sum(line.startswith('ok') for line in out.splitlines())} ok, "
        f"{out.strip().splitlines()[-1]}"
    )


def run_by_hand(site: Site) -> str:
    """`pyflyte run --remote` of the packaged code, with the deployment that the chart has."""
    name = _run_remote(site)
    site.succeeded(name)
    run = _closed_run(site, name, "FINISHED")
    versions = [version["run_id"] for version in versions_in(site.tracking_uri)]
    _expect(
        bool(versions), "no version in the registry, though somebody must be the first champion"
    )
    kept = (
        "a version of its own"
        if run["info"]["run_id"] in versions
        else "no version: not better than the champion"
    )
    pods = site.pods(name)
    wrong = [pod["metadata"]["name"] for pod in pods if not _is_as_deployed(site, pod)]
    _expect(not wrong, f"resources or user other than deployed: {wrong}")
    return f"{name}: {len(pods)} pods of uid 10001, MLflow run FINISHED, {kept}"


def plan_by_hand(site: Site) -> str:
    out = site.pyflyte(
        "run", *site.place, "remote-launchplan", "retrain_manual", "--videos", site.videos
    )
    name = _started(site, out)
    site.succeeded(name)
    return f"{name}: {len(site.pods(name))} pods"


def upgrade_and_schedule(site: Site) -> str:
    """Another cron, which fires in minutes, and other stages: one upgrade."""
    before = site.all_executions()
    soon = datetime.now(UTC) + timedelta(minutes=5)
    cron = f"{soon.minute} {soon.hour} * * *"
    site.put_chart(
        "upgrade", f"flyte.register.cron={cron}", "flyte.register.stages.light.memory=2100Mi"
    )
    version, active = site.active_plans()["retrain_nightly"]
    _expect(version != site.first_version, "the upgrade kept the version")
    _expect(active == cron, f"the schedule is {active!r}, expected {cron!r}")

    def fired() -> str | None:
        new = [name for name, plan in site.started_since(before) if plan == "retrain_nightly"]
        return new[0] if new else None

    name = site.wait_for("the schedule", fired)
    site.succeeded(name)
    asks = {_container(pod)["resources"]["requests"]["memory"] for pod in site.pods(name)}
    _expect("2100Mi" in asks, f"no pod asks for what the upgrade gave light: {asks}")
    return f"{version}: fired as {name}, its stages have the new numbers"


def pod_deleted_in_training(site: Site) -> str:
    """And a second retrain on the same data root, which the lease turns away in one line."""
    name = _run_remote(site, seed=1)
    pod = site.wait_for("training", lambda: _running(site, name, _TRAINING))
    second = _run_remote(site, seed=2)
    site.kubectl(
        "-n", site.execution_namespace, "delete", "pod", pod, "--grace-period=0", "--force"
    )
    _expect(site.ended(second) == "FAILED", f"{second} worked beside {name} on one data root")
    message = site.execution(second).closure.error.message
    _expect("at work" in message and name in message, f"{second} failed otherwise: {message}")
    site.succeeded(name)
    _closed_run(site, name, "FINISHED")
    return f"{name}: {pod} deleted, went on; {second} was told who is at work"


def aborted_and_swept(site: Site) -> str:
    name = _run_remote(site, seed=3)
    site.wait_for("a run in MLflow", lambda: runs_of(site.tracking_uri, _id(site, name)) or None)
    site.terminate(name, "tried by acceptance")
    site.ended(name)
    out = _sweep(site, 60)
    run = _closed_run(site, name, "KILLED")
    reason = tags_of(run).get("videossr.error", "")
    _expect("tried by acceptance" in reason, f"MLflow says {reason!r}")
    return f"{name}: {out.strip().splitlines()[-1]}; MLflow run KILLED: {reason}"


def unschedulable_and_swept(site: Site) -> str:
    name = _run_remote(
        site, seed=4, stages={"cpu": {"node_selector": {"videossr/nowhere": "true"}}}
    )

    def waits() -> str | None:
        pods = site.pods(name)
        reasons = [one.get("reason") for pod in pods for one in pod["status"].get("conditions", [])]
        return pods[-1]["metadata"]["name"] if "Unschedulable" in reasons else None

    site.wait_for("a pod that cannot be scheduled", waits)
    _sweep(site, 0)
    site.ended(name)
    run = _closed_run(site, name, None)
    reason = tags_of(run).get("videossr.error", "")
    _expect("nodes are available" in reason, f"MLflow says {reason!r}")
    return f"{name}: {reason}"


def rollback(site: Site) -> str:
    site.helm("rollback", site.release, "1", "--wait", "--timeout", "20m")
    version, cron = site.active_plans()["retrain_nightly"]
    _expect(version == site.first_version, f"active is {version}, expected {site.first_version}")
    return f"retrain_nightly at {version} ({cron}) again"


def uninstall(site: Site) -> str:
    site.helm("uninstall", site.release, "--timeout", "20m")
    left = site.active_plans()
    _expect(not left, f"still active: {left}")
    return "no launch plan is active"


STEPS: list[Step] = [
    namespaces,
    preflight_before,
    install,
    preflight_after,
    run_by_hand,
    plan_by_hand,
    upgrade_and_schedule,
    pod_deleted_in_training,
    aborted_and_swept,
    unschedulable_and_swept,
    rollback,
    uninstall,
]


def clean_up(site: Site) -> str:
    """Whatever a step left, also after one that failed."""
    ignore = ["--ignore-not-found"]
    for name in site.executions:
        if site.phase(name) in ("QUEUED", "RUNNING"):
            site.terminate(name, "acceptance ends")
    try:
        site.helm("uninstall", site.release, "--ignore-not-found", "--timeout", "20m")
    finally:
        site.kubectl("delete", "namespace", site.namespace, *ignore)
        site.kubectl(
            "label", "namespace", site.execution_namespace, *(f"{key}-" for key in _RESTRICTED)
        )
        if site.secrets:
            site.kubectl(
                "-n", site.execution_namespace, "delete", "--filename", str(site.secrets), *ignore
            )
    return f"{site.namespace} is deleted, nothing is active; outputs stay in {site.data_root}"


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepError(otherwise)


def _run_remote(site: Site, seed: int = 0, stages: dict[str, Any] | None = None) -> str:
    """A smoke retrain from the packaged code; its name."""
    deployment = json.loads(site.installed_deployment())
    deployment["stages"] = {**deployment.get("stages", {}), **(stages or {})}
    cpu, gpu = site.images
    out = site.pyflyte(
        "run",
        "--remote",
        "--copy",
        "all",
        *site.place,
        "--image",
        f"cpu={cpu}",
        "--image",
        f"gpu={gpu}",
        "workflows/retrain.py",
        "retrain",
        "--preset",
        "smoke",
        "--videos",
        site.videos,
        "--data_root",
        site.data_root,
        "--tracking_uri",
        deployment["nightly"]["tracking_uri"],
        "--overrides",
        json.dumps({"seed": seed}),
        cwd=site.archive(),
        env={"VIDEOSSR_DEPLOYMENT": json.dumps(deployment)},
    )
    return _started(site, out)


def _started(site: Site, out: str) -> str:
    names = [
        line.split("/executions/")[1].split()[0]
        for line in out.splitlines()
        if "/executions/" in line
    ]
    _expect(bool(names), f"no execution in what pyflyte said: {out[-300:]}")
    site.executions.append(names[0])
    return names[0]


def _id(site: Site, name: str) -> str:
    return f"{site.project}/{site.domain}/{name}"


def _closed_run(site: Site, name: str, status: str | None) -> dict[str, Any]:
    runs = runs_of(site.tracking_uri, _id(site, name))
    _expect(len(runs) == 1, f"{len(runs)} MLflow runs carry {name}")
    found = runs[0]["info"]["status"]
    _expect(
        found == status if status else found != "RUNNING", f"the MLflow run of {name} is {found}"
    )
    return runs[0]


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod["spec"]["containers"][0]
    return found


def _is_as_deployed(site: Site, pod: dict[str, Any]) -> bool:
    user = pod["spec"]["securityContext"]["runAsUser"]
    asks = _container(pod)["resources"]["requests"]
    return user == 10001 and "nvidia.com/gpu" not in asks and asks["memory"] in ("2Gi", "4Gi")


def _running(site: Site, execution: str, task: str) -> str | None:
    found: Sequence[str] = [
        pod["metadata"]["name"]
        for pod in site.pods(execution)
        if task in pod["metadata"]["labels"].get("task-name", "")
        and pod["status"]["phase"] == "Running"
    ]
    return found[0] if found else None


def _preflight(site: Site, *more: str, deployment: str, may_fail: bool = False) -> str:
    arguments = [
        *site.place, "--endpoint", site.endpoint, *([] if site.insecure else ["--secure"]),
        "--data-root", site.data_root, "--tracking-uri", site.tracking_uri, *more,
    ]  # fmt: skip
    return site.python(
        "-m",
        "tasks.preflight",
        *arguments,
        env={"VIDEOSSR_DEPLOYMENT": deployment},
        may_fail=may_fail,
    )


def _sweep(site: Site, pending_minutes: int) -> str:
    return _preflight(
        site,
        "--sweep",
        "--pending-minutes",
        str(pending_minutes),
        deployment=site.installed_deployment(),
    )
