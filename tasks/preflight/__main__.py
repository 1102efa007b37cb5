"""Is everything there that a run on the cluster needs? One line each: `make preflight`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.core.errors import InputError
from tasks.deployment.flyte import connect
from tasks.deployment.profile import read_deployment
from tasks.preflight.capacity import asks
from tasks.preflight.cluster import check_cluster
from tasks.preflight.flyte import check_flyte
from tasks.preflight.kube import Kubernetes
from tasks.preflight.prerequisite import Prerequisite, run_check
from tasks.preflight.services import check_images, check_mlflow, check_store
from tasks.preflight.sweep import sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how each prerequisite stands; returns 1 if something required is not there."""
    try:
        asked = _read(arguments)
    except InputError as error:
        sys.stdout.write(f"{error}\n")
        return 2
    if asked.sweep:
        return sweep(asked)
    num_stops = 0
    for prerequisite in _prerequisites(asked):
        # Each at once, because a later check may wait for a service that does not answer.
        sys.stdout.write(f"{prerequisite.line()}\n")
        sys.stdout.flush()
        num_stops += prerequisite.stops
    sys.stdout.write(f"{num_stops} to do\n" if num_stops else "ready\n")
    return int(num_stops > 0)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    nightly = read_deployment().nightly
    parser = argparse.ArgumentParser(prog="make preflight", description=__doc__)
    parser.add_argument(
        "--endpoint", default="", help="of flyteadmin; else as pyflyte is configured"
    )
    parser.add_argument("--secure", action="store_true", help="TLS to the endpoint")
    parser.add_argument("--project", default="videossr")
    parser.add_argument("--domain", default="production")
    parser.add_argument(
        "--flyte-namespace", default="flyte", help="where Flyte's own ConfigMaps are"
    )
    parser.add_argument("--data-root", default=nightly.data_root)
    parser.add_argument("--tracking-uri", default=nightly.tracking_uri)
    parser.add_argument(
        "--image", action="append", default=[], help="cpu=NAME:TAG; once for each image"
    )
    parser.add_argument(
        "--sweep",
        action="store_true",
        help="close what ended without a word, end what cannot start",
    )
    parser.add_argument(
        "--pending-minutes", type=int, default=60, help="after which a pod's execution is ended"
    )
    return parser.parse_args(arguments)


def _prerequisites(asked: argparse.Namespace) -> Iterator[Prerequisite]:
    deployment = read_deployment()
    yield from run_check(
        "Flyte",
        lambda: check_flyte(
            _client(asked), asks(deployment.stages), project=asked.project, domain=asked.domain
        ),
        "set FLYTE_PLATFORM_URL or --endpoint to where flyteadmin answers, and --secure where it "
        "wants TLS",
    )
    yield from run_check(
        "object store",
        lambda: check_store(asked.data_root),
        "create the bucket, and give credentials that may write to it (AWS_ACCESS_KEY_ID, ... or "
        "a role)",
    )
    yield from run_check(
        "MLflow",
        lambda: check_mlflow(asked.tracking_uri),
        "start the server (charts/videossr), and add this host to its allowed hosts where it "
        "answers 403",
    )
    yield from check_images(asked.image)
    yield from run_check(
        "Kubernetes",
        lambda: check_cluster(
            Kubernetes(),
            deployment,
            namespace=f"{asked.project}-{asked.domain}",
            flyte_namespace=asked.flyte_namespace,
        ),
        "give a kubeconfig (KUBECONFIG) of someone who may ask",
    )


def _client(asked: argparse.Namespace) -> Any:
    """An endpoint that is named here is spoken to without TLS unless --secure; else flytekit's
    configuration says."""
    if asked.secure or asked.endpoint:
        return connect(asked.endpoint, insecure=not asked.secure)
    return connect()


if __name__ == "__main__":
    sys.exit(main())
