"""Reading from the web without being led inside: every connection is checked, whoever asks.

A list of links is written by somebody else, and a server answers with redirects of its own. Either
could name this machine, its neighbours, or the address at which a cloud hands out credentials. So
only public addresses are connected to, unless the user has named the host: in `ingest.list_roots`,
or as the videos themselves. It is the address of the connection that is checked, not a name, which
could be looked up twice with two results; HEAD, GET and every hop of a redirect connect in the same
way.
"""

import socket
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import fsspec

SCHEMES = ("http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_INSIDE = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "fec0::/10")))
"""Global by their numbers, and yet inside: what a machine asks about itself in Azure
(learn.microsoft.com, "What is IP address 168.63.129.16"), and in Oracle's cloud (192.0.0.192, in a
block for protocols, RFC 6890); once site-local."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as a translator reaches them (RFC 6052)."""

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=60.0)
"""Silence that is taken for an end. How long a whole file may take is up to whoever waits for it:
the client's own limit is five minutes."""


class InsideError(ValueError):
    """An address that is not public, on a host that nobody named."""


@dataclass
class _Hop:
    """One request of a chain of redirects."""

    host: str
    is_named: bool
    refused: list[str] = field(default_factory=list)
    """Addresses that it was not connected to."""


# Requests run side by side in one loop: each has its own value, which the tasks that connect for it
# inherit.
_hop: ContextVar[_Hop] = ContextVar("hop")


def web_files(roots: Iterable[str]) -> Any:
    """The file system of the web, to which the hosts that `roots` name are open even if they lie
    inside."""
    # fsspec keeps one instance for equal arguments, process and thread, by how they are shown.
    return fsspec.filesystem("https", get_client=_Client(tuple(sorted(_named(roots)))))


def is_public(address: str) -> bool:
    """Whether everybody's internet has this IP address: not this machine, its network, or another
    private one."""
    ip = _inner(ip_address(address.partition("%")[0]))
    inside = (
        ip.is_private
        or ip.is_reserved
        or ip.is_multicast
        or any(ip in network for network in _INSIDE)
    )
    return ip.is_global and not inside


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(ip, IPv4Address):
        return ip
    # Also the deprecated ::a.b.c.d (RFC 4291, 2.5.5.1), which :: and ::1 only look like.
    if ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    # A Teredo address holds a server and a client, which is the one that is reached.
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip


def _named(roots: Iterable[str]) -> set[tuple[str, int]]:
    """Hosts and ports; a host that was named without TLS is also named with it, at the usual
    ports."""
    origins = {origin for origin in map(_origin, roots) if origin}
    return origins | {(host, 443) for host, port in origins if port == 80}


def _origin(root: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(root)
        # urlsplit looks at the port only when it is asked for it.
        port = parts.port
    except ValueError:  # no URI of a host: it names none
        return None
    if parts.scheme not in SCHEMES or not parts.hostname:
        return None
    return parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


@dataclass(frozen=True)
class _Client:
    """Opens the session of a file system."""

    named: tuple[tuple[str, int], ...]

    async def __call__(self, **options: Any) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(socket_factory=_socket)
        return aiohttp.ClientSession(
            connector=connector, middlewares=(self._request,), **{"timeout": _TIMEOUT, **options}
        )

    async def _request(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Every request passes through here, each hop of a redirect too."""
        host, port = request.url.host or "", request.url.port or 0
        hop = _Hop(host, is_named=(host, port) in self.named)
        token = _hop.set(hop)
        try:
            return await send(request)
        except Exception as error:
            if not hop.refused:
                raise
            addresses = ", ".join(dict.fromkeys(hop.refused))
            where = f"{host}:{port}" if addresses == host else f"{host}:{port} ({addresses})"
            raise InsideError(
                f"{where} is not on the public internet; if it is yours, name it in "
                "ingest.list_roots, "
                f'e.g. "{request.url.origin()}/"'
            ) from error
        finally:
            _hop.reset(token)


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """The socket for one address of a name, made right before it is connected; a pool keeps it to
    its host and port."""
    family, kind, protocol, _, (host, *_) = address
    hop = _hop.get()
    if not hop.is_named and not is_public(host):
        hop.refused.append(host)
        raise OSError(f"{host} is not public")
    return socket.socket(family, kind, protocol)
