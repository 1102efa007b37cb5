"""Flyte's admin service, asked directly: the home of flytekit's client.

Where it answers and who asks is flytekit's own configuration (FLYTE_PLATFORM_URL,
FLYTE_PLATFORM_INSECURE, FLYTE_CREDENTIALS_..., or its file); the chart gives it to every pod.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc
from flytekit.clients.auth.authenticator import Authenticator
from flytekit.clients.auth_helper import register_authenticator_plugin
from flytekit.clients.friendly import SynchronousFlyteClient
from flytekit.clients.grpc_utils.deadline_interceptor import scoped_grpc_deadline
from flytekit.configuration import AuthType, PlatformConfig
from flytekit.exceptions.base import FlyteException
from flytekit.exceptions.user import FlyteEntityNotExistException
from flytekit.models.core.identifier import WorkflowExecutionIdentifier

from tasks.core.errors import causes

ENDPOINT_VARIABLE = "FLYTE_PLATFORM_URL"
_IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every pod."""
_NOBODY = "videossr_nobody"
_SECONDS = 10.0


class UnknownExecutionError(LookupError):
    """Flyte does not know what it was asked for."""


class SilentError(ConnectionError):
    """Flyte did not answer now, or not to this user."""


def connect(endpoint: str = "", *, insecure: bool | None = None) -> SynchronousFlyteClient:
    """A client of the endpoint that the environment names, or of this one."""
    config = PlatformConfig.auto()
    if endpoint:
        config = replace(config, endpoint=endpoint)
    if insecure is not None:
        config = replace(config, insecure=insecure)
    if os.environ.get(_IN_A_POD) and config.auth_mode in (AuthType.STANDARD, AuthType.PKCE):
        config = replace(config, auth_mode=_NOBODY)
    return SynchronousFlyteClient(config)


class _NobodySignsIn(Authenticator):  # type: ignore[misc]
    """Of a pod that was given no credentials: it asks without, as a Flyte without sign-in wants it.

    flytekit's own way would wait for ever for somebody with a browser, if Flyte wants to know who
    asks.
    """

    def refresh_credentials(self) -> None:
        raise PermissionError(
            "Flyte wants to know who asks: give FLYTE_CREDENTIALS_CLIENT_ID and "
            "FLYTE_CREDENTIALS_CLIENT_SECRET, with FLYTE_CREDENTIALS_AUTH_MODE=client_credentials"
        )


register_authenticator_plugin(_NOBODY, lambda config, _: _NobodySignsIn(config.endpoint, ""))


def identifier(execution: str) -> WorkflowExecutionIdentifier:
    """Of "project/domain/name"."""
    return WorkflowExecutionIdentifier(*execution.split("/"))


def is_named() -> bool:
    """Whether the environment says where Flyte answers: without it, a pod cannot ask."""
    return bool(os.environ.get(ENDPOINT_VARIABLE))


def refusal(error: BaseException) -> grpc.RpcError | None:
    """Flyte's own answer (`code()`, `details()`) behind an error of the client; None if there was
    no call."""
    return next((found for found in causes(error) if isinstance(found, grpc.RpcError)), None)


@contextmanager
def asking() -> Iterator[SynchronousFlyteClient]:
    """A client for a few short questions: each may take ten seconds.

    Raises:
        UnknownExecutionError: Flyte does not know what it was asked for.
        SilentError: it did not answer, or not to this user.
    """
    try:
        with scoped_grpc_deadline(_SECONDS):
            yield connect()
    except FlyteEntityNotExistException as error:
        raise UnknownExecutionError(_said(error)) from error
    except (FlyteException, grpc.RpcError, OSError, ValueError) as error:
        raise SilentError(
            f"Flyte at {os.environ.get(ENDPOINT_VARIABLE, 'its default')}: {_said(error)}"
        ) from error


def _said(error: BaseException) -> str:
    """In one line what Flyte said itself, if it said something: flytekit puts it behind its own
    words."""
    answer = refusal(error)
    words = answer.details() if answer is not None else ""
    return (words or str(error) or type(error).__name__).strip().splitlines()[0]
