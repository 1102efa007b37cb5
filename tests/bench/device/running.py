"""Runs the steps one after the other, each in a process of its own, inside one budget of time.

A step that crashes, hangs or is left out is said, and the next one has its turn; this process imports no torch, so
that the card belongs to the step.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.bench.device.keep import Keeper
from tests.bench.device.plan import FACTS, Step

_REPO_ROOT = Path(__file__).resolve().parents[3]
_LEAST_SECONDS = 15.0
"""Importing torch and transformers takes about ten."""
_GRACE_SECONDS = 5.0
"""After its last line a process gives its memory back and ends."""


@dataclass
class _Stopped(Exception):  # noqa: N818  # no error: a person or the machine's keeper wants it
    signal_number: int


@dataclass
class Runner:
    """Goes through steps and remembers how each ended."""

    keeper: Keeper
    seconds: float
    """For all steps together."""
    arguments: Sequence[str] = ()
    """What every step is told besides."""
    child: Sequence[str] = (sys.executable, "-m", "tests.bench.device.child")
    facts: dict[str, Any] = field(default_factory=dict, init=False)
    outcomes: list[tuple[Step, str, float]] = field(default_factory=list, init=False)
    """(step, how it ended, seconds)"""

    def run(self, steps: Sequence[Step]) -> int:
        """All steps; returns what a shell should see: 0, 1 if one failed, 128 and the signal that ended it."""
        ends_at = time.monotonic() + self.seconds
        code = 0
        with _signals_raise():
            try:
                for step in (FACTS, *steps):
                    self._one(step, ends_at)
                    if step is FACTS and not self.facts:
                        self.keeper.say("The bench cannot start here: see the line above and the log.")
                        break
            except _Stopped as stopped:
                code = 128 + stopped.signal_number
        self._summary(steps)
        return code or int(any(how.startswith("failed") for _, how, _ in self.outcomes))

    def _one(self, step: Step, ends_at: float) -> None:
        began = time.monotonic()
        how = "interrupted"
        try:
            how = self._why_left_out(step, ends_at - began) or self._in_a_process(step, ends_at - began)
        finally:
            seconds = time.monotonic() - began
            self.outcomes.append((step, how, seconds))
            self.keeper.keep(step.number, "end", {"how": how, "seconds": round(seconds, 1)})
            self.keeper.say(f"Step {step.number} {how}, {seconds:.0f} s.")

    def _why_left_out(self, step: Step, seconds: float) -> str | None:
        if step.needs and self.facts["missing"].get(step.needs):
            reason = self.facts["missing"][step.needs]
        elif seconds < _LEAST_SECONDS:
            reason = f"{max(0.0, seconds):.0f} of {self.seconds:.0f} s are left"
        else:
            reason = None
        self.keeper.say(f"## {step.number}. {step.title}")
        return f"left out: {reason}" if reason else None

    def _in_a_process(self, step: Step, seconds: float) -> str:
        limit = min(step.limit_seconds, seconds)
        reading, writing = os.pipe()
        lines = _Lines(reading)
        with self.keeper.log_path.open("ab") as log:
            log_begins = log.seek(0, os.SEEK_END)
            process = subprocess.Popen(
                [*self.child, step.function, f"--report={writing}", f"--seconds={limit:.0f}", *self._told()],
                cwd=_REPO_ROOT,
                env={**os.environ, **_ENVIRONMENT, **step.environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C is for us, who keep what there is
            )
        os.close(writing)
        num_failed, code = 0, None
        try:
            num_failed = self._listen(step, lines, limit)
            code = process.wait(_GRACE_SECONDS) if lines.have_ended else None
        except subprocess.TimeoutExpired:
            pass  # it has said all, and is ended below
        finally:
            _end(process)
            self._listen(step, lines, _GRACE_SECONDS)  # what it said last
            lines.close()
        if code is None:
            return f"failed: ended after {limit:.0f} s, {self._last_words(log_begins)}"
        if code:
            return f"failed: {_exit(code)}, {self._last_words(log_begins)}"
        return f"done, failed inside: {num_failed}" if num_failed else "done"

    def _told(self) -> list[str]:
        """Arguments of a step: what the person said, and what the first step found."""
        return [*self.arguments, *([f"--facts={json.dumps(self.facts)}"] if self.facts else [])]

    def _listen(self, step: Step, lines: "_Lines", seconds: float) -> int:
        """Keep what the process says, until it has ended or time is over; returns how many parts failed."""
        num_failed = 0
        for line in lines.until(time.monotonic() + seconds):
            [(kind, content)] = json.loads(line).items()
            num_failed += kind == "failed"
            if kind == "facts":
                self.facts = content
            self.keeper.keep(step.number, kind, content)
        return num_failed

    def _last_words(self, log_begins: int) -> str:
        with self.keeper.log_path.open("rb") as log:
            log.seek(log_begins)
            return _last_words(log.read().decode(errors="replace"))

    def _summary(self, steps: Sequence[Step]) -> None:
        for step in steps[len([step for step, *_ in self.outcomes if step is not FACTS]) :]:
            self.outcomes.append((step, "not begun", 0.0))
        self.keeper.say("## All steps")
        self.keeper.keep(0, "table", {"title": "What was done", "columns": ["step", "what", "how it ended", "s"]})
        for step, how, seconds in self.outcomes:
            self.keeper.keep(0, "row", [str(step.number), step.title, how, f"{seconds:.0f}"])


def _last_words(log: str) -> str:
    """The line that tells most: where the main thread was, if Python said that while it crashed or hung."""
    *_, stack = log.rpartition(_STACK)
    lines = [line.strip() for line in stack.splitlines() if line.strip()]
    if _STACK in log and lines:
        return f"it was at {lines[0]}"
    return f"last line of the log: {lines[-1][:300]}" if lines else "nothing in the log"


_STACK = "(most recent call first):"
"""faulthandler writes the main thread's last."""
_ENDS = (signal.SIGINT, signal.SIGTERM)
_ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONFAULTHANDLER": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


class _Lines:
    """What comes through a pipe, line by line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun, self._whole = b"", deque[bytes]()
        self.have_ended = False
        """Nobody can write any more."""

    def until(self, ends_at: float) -> Iterator[str]:
        """Lines as they come, until the end or that time."""
        while True:
            while self._whole:
                yield self._whole.popleft().decode()
            if self.have_ended or not self._is_ready(ends_at - time.monotonic()):
                return
            read = os.read(self._descriptor, 2**16)
            self.have_ended = not read
            *whole, self._begun = (self._begun + read).split(b"\n")
            self._whole += whole

    def close(self) -> None:
        os.close(self._descriptor)

    def _is_ready(self, seconds: float) -> bool:
        """Whether something comes within so many seconds."""
        return bool(select.select([self._descriptor], [], [], max(0.0, seconds))[0])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Whatever it is doing, and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _exit(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Inside, the signals that end a process raise instead, so that the summary is still written."""

    def stop(number: int, frame: FrameType | None) -> None:
        for other in _ENDS:  # once is enough: a second one would stop the keeping
            signal.signal(other, signal.SIG_IGN)
        raise _Stopped(number)

    before = [(number, signal.signal(number, stop)) for number in _ENDS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
