"""One question to Flyte's admin service, with an answer or an error of one line."""

from collections.abc import Callable
from typing import Any

import grpc

from tasks.core.errors import causes
from tasks.deployment.flyte import refusal

_NOTHING = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS)


def ask(client: Any, method: Callable[[Any], Any], request: Any) -> Any | None:
    """The answer; None if what is asked for is not there, or what is to be made is there already.

    Raises:
        ValueError: Flyte finds something wrong with the request; its words.
        ConnectionError: it does not answer, or not to this user; with its address and its words.
    """
    try:
        return method(request)
    except Exception as error:
        answer = refusal(error)
        if answer is None:
            *_, origin = causes(error)  # the client puts it behind words of its own
            first_line = (str(origin).strip() or type(origin).__name__).splitlines()[0]
            raise ConnectionError(f"{client.url}: {first_line}") from error
        if answer.code() in _NOTHING:
            return None
        if answer.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise ValueError(answer.details()) from error
        raise ConnectionError(f"{client.url}: {answer.code().name}, {answer.details()}") from error
