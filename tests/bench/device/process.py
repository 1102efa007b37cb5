"""A step's process as its parent sees it: it imports, waits for its turn, says what it finds, and
is ended."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench.device.plan import Step

_REPO_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONFAULTHANDLER": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
_WRITING_SECONDS = 3.0
_STACK = "(most recent call first):"
"""faulthandler writes the main thread's last."""


class StepProcess:
    """Begun at once, so that importing torch and transformers costs nobody time; it does nothing
    before its turn."""

    def __init__(self, step: Step, command: Sequence[str], log: Path) -> None:
        self.step = step
        self._log = log.with_name(f"log-{step.number}.txt")
        self._whole_log = log
        self._reading, writing = os.pipe()
        self._begun = b""
        self.is_silent = False
        """It cannot say any more."""
        self.has_finished = False
        """It said all that it had to say."""
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(
                [command[0], *command[1:], step.function, f"--report={writing}"],
                cwd=_REPO_ROOT,
                env={**os.environ, **_ENVIRONMENT, **step.environment},
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C is for the parent, which keeps what there is
            )
        os.close(writing)

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    def begin(self, seconds: float, told: Mapping[str, Any]) -> None:
        """It is its turn, for so long."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, which its exit code tells
            self._process.stdin.write(json.dumps({"seconds": seconds, **told}).encode() + b"\n")
            self._process.stdin.flush()

    def is_ready(self, ends_at: float) -> bool:
        """Wait until it says something or can say no more, at most until that time
        (`time.monotonic`)."""
        seconds = max(0.0, ends_at - time.monotonic())
        return bool(select.select([self._reading], [], [], seconds)[0])

    def read(self) -> list[str]:
        """The whole lines of what it said since."""
        read = os.read(self._reading, 2**16)
        self.is_silent = not read
        *whole, self._begun = (self._begun + read).split(b"\n")
        return [line.decode() for line in whole]

    def wait(self, seconds: float) -> int | None:
        """Its exit code, if it ends in time."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def ask_where_it_is(self) -> None:
        """Python writes its stacks into the log before it aborts, unless it never comes back from a
        driver."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGABRT)
        self.wait(_WRITING_SECONDS)

    def end(self) -> None:
        """Whatever it is doing, and whatever it started; what it said can still be read."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> str:
        """Once it has ended: its log joins the others'; returns the line of it that tells most."""
        os.close(self._reading)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        said = self._log.read_text(errors="replace")
        with self._whole_log.open("a") as log:
            log.write(f"\n#### Step {self.step.number}\n{said}")
        self._log.unlink()
        return _last_words(said)


def _last_words(log: str) -> str:
    """Where the main thread was, if Python said that while it crashed or hung; else the last
    line."""
    *_, stack = log.rpartition(_STACK)
    lines = [line.strip() for line in stack.splitlines() if line.strip()]
    if _STACK in log and lines:
        return f"it was at {lines[0]}"
    return f"last line of the log: {lines[-1][:300]}" if lines else "nothing in the log"
