"""What takes long to make is made once in a test session, by whichever worker needs it first."""

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.helpers.warm.process import session_folder


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled; if it failed, the next one that asks makes another."""
    made = session_folder() / f"{name}.made"
    with (session_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=session_folder()))
            make(folder)
            made.write_text(str(folder))
        return Path(made.read_text())
