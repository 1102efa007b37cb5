"""Flyte's admin service, asked directly: the home of flytekit's client.

Where it answers and who asks is flytekit's own configuration (FLYTE_PLATFORM_URL, FLYTE_PLATFORM_INSECURE,
FLYTE_CREDENTIALS_..., or its file); the chart gives it to every pod.
"""

import os
from dataclasses import replace

import grpc
from flytekit.clients.friendly import SynchronousFlyteClient
from flytekit.configuration import PlatformConfig

from tasks.core.errors import causes

ENDPOINT_VARIABLE = "FLYTE_PLATFORM_URL"


def connect(endpoint: str = "", *, insecure: bool | None = None) -> SynchronousFlyteClient:
    """A client of the endpoint that the environment names, or of this one."""
    config = PlatformConfig.auto()
    if endpoint:
        config = replace(config, endpoint=endpoint)
    if insecure is not None:
        config = replace(config, insecure=insecure)
    return SynchronousFlyteClient(config)


def is_named() -> bool:
    """Whether the environment says where Flyte answers: without it, a pod cannot ask."""
    return bool(os.environ.get(ENDPOINT_VARIABLE))


def refusal(error: BaseException) -> grpc.RpcError | None:
    """Flyte's own answer (`code()`, `details()`) behind an error of the client; None if there was no call."""
    return next((found for found in causes(error) if isinstance(found, grpc.RpcError)), None)
