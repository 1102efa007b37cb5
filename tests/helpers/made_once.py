"""What takes long to make is made once in a test session, by whichever worker needs it first."""

import fcntl
from collections.abc import Callable
from pathlib import Path

from tests.helpers.warm.process import session_folder


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled; if it failed, the next one that asks makes another."""
    folder, made = session_folder() / name, session_folder() / f"{name}.made"
    with (session_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            attempt = 0
            while folder.exists():  # what failed stays to be looked at
                attempt += 1
                folder = session_folder() / f"{name}-{attempt}"
            folder.mkdir()
            make(folder)
            made.write_text(folder.name)
        return session_folder() / made.read_text()
