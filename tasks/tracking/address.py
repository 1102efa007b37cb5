"""The address of an MLflow server: checked before it is used, and parted from the password in
it."""

import base64
import os
import re
from urllib.parse import SplitResult, unquote, urlsplit

from tasks.core.errors import InputError
from tasks.core.redact import redact_address

USER_VARIABLE = "MLFLOW_TRACKING_USERNAME"
PASSWORD_VARIABLE = "MLFLOW_TRACKING_PASSWORD"
TOKEN_VARIABLE = "MLFLOW_TRACKING_TOKEN"
_ON_A_CLUSTER = "FLYTE_INTERNAL_EXECUTION_ID"
"""Flyte sets it in every pod."""
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%\w+)?")
"""A name, or an IP address."""


def log_in(tracking_uri: str) -> str:
    """The address without user and password, as it may be shown, kept and handed on; empty for
    none.

    User and password go into MLflow's own variables of this process, which the processes that it
    starts inherit.

    Raises:
        InputError: it is no address of an MLflow server; or it has a password, which would not
            reach the next pod.
    """
    given = tracking_uri.strip()
    if not given:
        return ""
    parts = _split(given)
    if parts.username is not None:
        if not (parts.username and parts.password):
            raise _wrong(given, "a user and a password belong together")
        if os.environ.get(_ON_A_CLUSTER):
            raise _wrong(
                given,
                f"a password, which the next pod would not get: give {PASSWORD_VARIABLE} to the "
                "pods instead",
            )
        os.environ[USER_VARIABLE], os.environ[PASSWORD_VARIABLE] = (
            unquote(parts.username),
            unquote(parts.password),
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def credentials() -> dict[str, str]:
    """The header with which MLflow's client would say who asks; none if nothing is set."""
    user, password = os.environ.get(USER_VARIABLE, ""), os.environ.get(PASSWORD_VARIABLE, "")
    if user and password:
        return {
            "Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        }
    token = os.environ.get(TOKEN_VARIABLE, "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _split(given: str) -> SplitResult:
    try:
        parts = urlsplit(given)
        # urlsplit looks at the port only when it is asked for it.
        port = parts.port
    except ValueError:
        raise _wrong(
            given, "its port is no number from 1 to 65535, or a sign in it must be written as %XX"
        ) from None
    if parts.scheme not in ("http", "https"):
        raise _wrong(given, "it does not begin with http:// or https://")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise _wrong(given, "it names no host")
    # A colon with nothing behind it is no port to urlsplit, and no error either.
    if port == 0 or parts.netloc.endswith(":"):
        raise _wrong(given, "its port is no number from 1 to 65535")
    if parts.query or parts.fragment or "//" in parts.path or re.search(r"\s", given):
        raise _wrong(
            given, "a server's address has no query, no spaces and no second address in it"
        )
    return parts


def _wrong(given: str, why: str) -> InputError:
    return InputError(
        f"tracking_uri: got {redact_address(given)!r} ({why}); expected the address of an MLflow "
        "server, http://HOST:PORT or https://HOST, or nothing: then MLflow's records lie in the "
        "data root"
    )
