"""Does the chart's README hold on this cluster? `make acceptance ARGS="--values values.yaml
--videos s3://..."`.

It installs the chart into a scratch namespace, runs the smoke preset through Flyte, breaks it in
the ways that clusters do, and removes what it made. One line a step, with its seconds. It needs
helm, kubectl with a kubeconfig of somebody who may make namespaces, and a way to Flyte, to the
object store and (by port-forward, or named) to MLflow.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.site import CHART, ROOT, Site
from tests.acceptance.steps import STEPS, clean_up


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 if a step failed; what it made is removed either way."""
    asked = read_arguments(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="videossr-acceptance-") as folder,
        contextlib.ExitStack() as stack,
    ):
        site = site_of(asked, Path(folder))
        if not asked.tracking_uri:
            stack.enter_context(_forwarded(site))
        try:
            return _take_all(site)
        finally:
            if not asked.keep:
                _timed("clean_up", lambda: clean_up(site))


def _take_all(site: Site) -> int:
    for step in STEPS:
        if not _timed(step.__name__, partial(step, site)):
            return 1
    sys.stdout.write("the chart's README holds on this cluster\n")
    return 0


def _timed(name: str, step: Any) -> bool:
    start = time.monotonic()
    try:
        detail, word = step(), "ok"
    except Exception as error:
        detail, word = f"{error}" or type(error).__name__, "FAILED"
    sys.stdout.write(f"{word:<7}{time.monotonic() - start:7.1f} s  {name:<24} {detail}\n")
    sys.stdout.flush()
    return word == "ok"


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make acceptance", description=__doc__)
    parser.add_argument(
        "--values", action="append", type=Path, required=True, help="as for helm install; once each"
    )
    parser.add_argument(
        "--secrets",
        type=Path,
        help="file with the Secrets that the values name, without a namespace",
    )
    parser.add_argument(
        "--videos", required=True, help="folder of a few videos in the object store"
    )
    parser.add_argument(
        "--endpoint", default=os.environ.get("FLYTE_PLATFORM_URL", "localhost:30080")
    )
    parser.add_argument("--secure", action="store_true", help="TLS to the endpoint")
    parser.add_argument("--project", default="videossr")
    parser.add_argument("--domain", default="development")
    parser.add_argument(
        "--namespace", default="videossr-acceptance", help="is made, and deleted in the end"
    )
    parser.add_argument("--release", default="videossr")
    parser.add_argument(
        "--tracking-uri", default="", help="how this shell reaches MLflow; else by a port-forward"
    )
    parser.add_argument("--minutes", type=float, default=60, help="longest wait for one thing")
    parser.add_argument(
        "--keep", action="store_true", help="leave everything as the last step left it"
    )
    return parser.parse_args(arguments)


def site_of(asked: argparse.Namespace, folder: Path) -> Site:
    """The cluster that was asked for; `folder` is for what is written here."""
    values: dict[str, Any] = {}
    for path in asked.values:
        values = _merged(values, yaml.safe_load(path.read_text()) or {})
    chart = yaml.safe_load((ROOT / CHART / "Chart.yaml").read_text())
    store = values.get("objectStore", {})
    images = [values.get("image", {}).get(kind, {}) for kind in ("cpu", "gpu")]
    cpu, gpu = (
        f"{image.get('repository', f'videossr-{kind}')}:{image.get('tag') or chart['appVersion']}"
        for kind, image in zip(("cpu", "gpu"), images, strict=True)
    )
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    env = {
        "FLYTE_PLATFORM_URL": asked.endpoint,
        "FLYTE_PLATFORM_INSECURE": str(not asked.secure).lower(),
    }
    return Site(
        endpoint=asked.endpoint,
        insecure=not asked.secure,
        project=asked.project,
        domain=asked.domain,
        namespace=asked.namespace,
        release=asked.release,
        values=[path.resolve() for path in asked.values],
        videos=asked.videos,
        data_root=f"{store.get('dataRoot', 's3://videossr/data')}/acceptance/{stamp}",
        tracking_uri=asked.tracking_uri or "http://127.0.0.1:5000",
        images=(cpu, gpu),
        secrets=asked.secrets.resolve() if asked.secrets else None,
        folder=folder,
        minutes=asked.minutes,
        env=env,
    )


def _merged(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(first[name], then[name]) for name in first.keys() & then.keys()
            if isinstance(first[name], dict) and isinstance(then[name], dict)}  # fmt: skip
    return first | then | both


@contextlib.contextmanager
def _forwarded(site: Site) -> Iterator[None]:
    """A port-forward to the chart's MLflow, tried again while there is none."""
    target = ["-n", site.namespace, "port-forward", f"service/{site.release}-mlflow", "5000:5000"]
    command = 'while true; do kubectl "$@" > /dev/null 2>&1; sleep 2; done'
    process = subprocess.Popen(["sh", "-c", command, "sh", *target], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
