"""A root file system of one's own over this machine's, written to beside it: what a container has,
without an engine.

Needs root's rights and a kernel that may mount an overlay (`why_not` says what is missing).
"""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

_ABSENT = ("app", "home", "opt/venv", "src", "tmp", "work")
"""Folders of this machine that a root begins without."""
_HELD_BACK = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups"]
_NETWORK_OF_ITS_OWN = "ip link set lo up"


@dataclass(frozen=True)
class Process:
    """How to run something in a root."""

    env: Mapping[str, str]
    folder: str = "/"
    user: str = ""
    """`UID:GID`, without any of root's rights; root otherwise."""
    mounts: Mapping[str, Path] | None = None
    """Folders of this machine, by where they are seen."""
    scratch: Sequence[str] = ()
    """Folders that are empty, and anybody's (Kubernetes' emptyDir). If there are any, all the rest
    is read-only."""
    is_alone: bool = False
    """Without this machine's network."""


class Root:
    """The file system below `folder`/files, over this machine's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("files", "work", "seen"):
            (folder / name).mkdir(parents=True)
        for name in _ABSENT:
            path = self.path(name)
            path.mkdir(parents=True)
            os.setxattr(path, "trusted.overlay.opaque", b"y")
        self.path("tmp").chmod(0o1777)

    def path(self, inside: str) -> Path:
        """Where something that was written lies on this machine."""
        return self._folder / "files" / inside.lstrip("/")

    def run(self, words: Sequence[str], process: Process) -> "subprocess.CompletedProcess[str]":
        """`words`, in the root."""
        script = "\n".join(["set -e", *self._mounts(process), self._call(words, process)])
        apart = ["--net"] if process.is_alone else []
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", *apart, "sh", "-c", script],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def _mounts(self, process: Process) -> list[str]:
        seen = self._folder / "seen"
        places = f"lowerdir=/,upperdir={self._folder / 'files'},workdir={self._folder / 'work'}"
        mounts = [f"mount -t overlay overlay -o {shlex.quote(places)} {shlex.quote(str(seen))}"]
        targets = [*(process.mounts or ()), *process.scratch]
        mounts += [f"mkdir -p {shlex.quote(f'{seen}{target}')}" for target in targets]
        if process.scratch:
            mounts.append(f"mount -o remount,ro {shlex.quote(str(seen))}")
        mounts += [
            f"mount -t proc proc {seen}/proc",
            f"mount --rbind /dev {seen}/dev",
            f"mount --rbind /sys {seen}/sys",
        ]
        for target, source in (process.mounts or {}).items():
            mounts.append(
                f"mount --bind {shlex.quote(str(source))} {shlex.quote(f'{seen}{target}')}"
            )
        mounts += [
            f"mount -t tmpfs -o mode=1777 tmpfs {shlex.quote(f'{seen}{path}')}"
            for path in process.scratch
        ]
        return [*mounts, _NETWORK_OF_ITS_OWN] if process.is_alone else mounts

    def _call(self, words: Sequence[str], process: Process) -> str:
        user, _, group = process.user.partition(":")
        as_user = ["setpriv", f"--reuid={user}", f"--regid={group}", *_HELD_BACK] if user else []
        variables = [f"{name}={value}" for name, value in process.env.items()]
        inside = shlex.join(["cd", process.folder]) + " && exec " + shlex.join(words)
        return "exec " + shlex.join(
            [
                "chroot",
                str(self._folder / "seen"),
                *as_user,
                "env",
                "-i",
                *variables,
                "sh",
                "-c",
                inside,
            ]
        )


@cache
def why_not() -> str:
    """Why no root can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "only root may mount and change users"
    with TemporaryDirectory() as folder:
        try:
            done = Root(Path(folder)).run(
                ["true"], Process({"PATH": os.defpath}, "/", "10001:10001", {}, ("/tmp",), True)
            )
        except OSError as error:
            return f"no overlay here: {error}"
    return done.stderr
