"""A room: what a process sees of the files, and as whom it runs. Entered by a forked process before
it does its work.

Loaded by its path in the server of warm processes, which holds nothing of ours: only the standard
library is used.
"""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

_NEW_MOUNTS = 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _ALL_BELOW, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38
_EVERYWHERE = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
"""Of the machine, as it is; root owns them."""


class Mount(TypedDict):
    """`source` of the machine, a folder or a file, seen at `target`."""

    source: str
    target: str
    is_read_only: bool


class Room(TypedDict):
    """Nothing but the system's folders and these mounts."""

    root: str
    """An empty folder."""
    mounts: list[Mount]
    is_read_only: bool
    """Whether the root is."""
    user: int
    group: int
    groups: list[int]


@cache
def why_none() -> str:
    """Why this process cannot make rooms; empty if it can."""
    if os.getuid() != 0:
        return "only root can run pods as another user"
    if shutil.which("unshare") is None:
        return "no program unshare"
    tried = subprocess.run(
        ["unshare", "-m", "mount", "--make-rprivate", "/"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"unshare -m: {tried.stderr.strip()}"


def enter(room: Room) -> None:
    """From now on this process sees the room alone, and is its user."""
    _call("unshare", _NEW_MOUNTS)
    _mount("none", "/", "", _ALL_BELOW | _PRIVATE)
    root = room["root"]
    _mount("tmpfs", root, "tmpfs", 0, "mode=755")
    system = [Mount(source=path, target=path, is_read_only=False) for path in _EVERYWHERE]
    for mount in [*system, *sorted(room["mounts"], key=lambda found: found["target"])]:
        _put(mount, root)
    if room["is_read_only"]:
        _mount("none", root, "", _REMOUNT | _BIND | _READ_ONLY)
    os.chroot(root)
    _become(room["user"], room["group"], room["groups"])


def join(connection: socket.socket) -> None:
    """Go where the process at the other end of `connection` is, if that is another user's."""
    pid, user, group = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    )
    if user == os.getuid():
        return
    status = Path(f"/proc/{pid}/status").read_text()
    [groups] = [line.split()[1:] for line in status.splitlines() if line.startswith("Groups:")]
    os.chroot(f"/proc/{pid}/root")
    _become(user, group, [int(one) for one in groups])


def _put(mount: Mount, root: str) -> None:
    source, place = Path(mount["source"]), Path(root + mount["target"])
    if source.is_symlink() and mount["source"] in _EVERYWHERE:  # /bin -> usr/bin
        place.symlink_to(source.readlink())
        return
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(str(source), str(place), "", _BIND | _ALL_BELOW)
    if mount["is_read_only"]:
        _mount("none", str(place), "", _REMOUNT | _BIND | _READ_ONLY)


def _become(user: int, group: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    _call("prctl", _DUMPABLE, 1, 0, 0, 0)  # else /proc/self would be root's
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.chdir("/")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call(
        "mount",
        source.encode(),
        target.encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    )


def _call(name: str, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {arguments}: {os.strerror(number)}")
