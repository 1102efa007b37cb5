"""Which process is this, and does another one still run? For leases, and for what a killed process
left behind."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

_UNKNOWN = "unknown"


def machine() -> str:
    """Equal only where one process can look at another: same host, same boot, same process
    namespace."""
    return _machine()


def started(pid: int) -> str:
    """When the process started, in the kernel's ticks; empty if there is none, "unknown" where it
    is not told.

    A later process with the same number has another start.
    """
    if Path("/proc/self").exists():
        try:
            # The name, in parentheses, may hold spaces; the 20th field after it is the start.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]  # a zombie works on nothing
    try:
        # Signal 0 is not sent: it only asks whether the process is there.
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return _UNKNOWN


def process_mark() -> str:
    """A name for this process that fits into a file's name; `is_gone` can tell from it whether it
    still runs."""
    return _mark(os.getpid())


def is_gone(mark: str) -> bool:
    """Whether the process of `mark` (or of a name that begins with it) has ended; False if that
    cannot be told."""
    parts = mark.split("-", 3)
    if len(parts) < 3 or parts[0] != _short_machine() or not parts[1].isdigit():
        return False
    return started(int(parts[1])) != parts[2]


@cache
def _mark(pid: int) -> str:
    return f"{_short_machine()}-{pid}-{started(pid)}"


def _short_machine() -> str:
    return hashlib.sha256(_machine().encode()).hexdigest()[:12]


@cache
def _machine() -> str:
    host = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        # Containers of one machine have its boot in common, but each its own process numbers.
        return f"{host}/{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux
        return host
