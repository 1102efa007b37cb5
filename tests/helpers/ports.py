"""Ports for servers that tests start, and whether they are up."""

import socket
import urllib.request


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a server is there and gives `url` (its error status is none)."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
