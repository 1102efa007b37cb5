"""Which errors may pass by themselves: a cluster tries those again, and no others."""

from tasks.core.errors import causes

_NAMES = {
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


def is_transient(error: BaseException) -> bool:
    """Whether the error, or one that it was raised from, means that a service did not answer."""
    return any(_is_transient(found) for found in causes(error))


def _is_transient(error: BaseException) -> bool:
    named = {kind.__name__ for kind in type(error).__mro__} & _NAMES
    return bool(named) or isinstance(error, (ConnectionError, TimeoutError))
