"""Runs the steps one after the other, each in a process of its own, inside one budget of time.

A step that crashes, hangs or is left out is said, and the next one has its turn; this process
imports no torch, so that the card belongs to the step.
"""

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tests.bench.device.keep import Keeper
from tests.bench.device.plan import FACTS, Step
from tests.bench.device.process import StepProcess

_LEAST_SECONDS = 15.0
"""With less nothing begins."""
_GRACE_SECONDS = 5.0
"""After its last line a process gives its memory back and ends."""
_ENDS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _Stopped(Exception):  # noqa: N818  # no error: a person or the machine's keeper wants it
    signal_number: int


@dataclass
class _Interrupt:
    """The signals that end a process raise where this one waits, so that what it has read is always
    kept."""

    number: int | None = None
    """The signal that came and was not raised yet."""
    may_raise: bool = False

    @contextmanager
    def is_heard(self) -> Iterator[None]:
        before = [(number, signal.signal(number, self._stop)) for number in _ENDS]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    @contextmanager
    def raises(self) -> Iterator[None]:
        self.may_raise = True
        try:
            self._raise()
            yield
        finally:
            self.may_raise = False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        for other in _ENDS:  # once is enough: a second one would stop the keeping
            signal.signal(other, signal.SIG_IGN)
        self.number = number
        if self.may_raise:
            self._raise()

    def _raise(self) -> None:
        if self.number is not None:
            number, self.number = self.number, None
            raise _Stopped(number)


@dataclass
class Runner:
    """Goes through steps and remembers how each ended."""

    keeper: Keeper
    seconds: float
    """For all steps together."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What every step is told besides."""
    child: Sequence[str] = (sys.executable, "-m", "tests.bench.device.child")
    facts: dict[str, Any] = field(default_factory=dict, init=False)
    outcomes: list[tuple[Step, str, float]] = field(default_factory=list, init=False)
    """(step, how it ended, seconds)"""
    _interrupt: _Interrupt = field(default_factory=_Interrupt, init=False)
    _next: StepProcess | None = field(default=None, init=False)
    """It imports while the step before it is at work."""

    def run(self, steps: Sequence[Step]) -> int:
        """All steps; returns what a shell should see: 0, 1 if one failed, 128 and the signal that
        ended it."""
        everything = (FACTS, *steps)
        ends_at = time.monotonic() + self.seconds
        code = 0
        with self._interrupt.is_heard():
            try:
                for number, step in enumerate(everything):
                    self._one(step, everything[number + 1 :], ends_at)
                    if step is FACTS and not self.facts:
                        self.keeper.say(
                            "The bench cannot start here: see the line above and the log."
                        )
                        break
            except _Stopped as stopped:
                code = 128 + stopped.signal_number
            finally:
                self._forget_next()
        self._summary(everything)
        return code or int(any(how.startswith("failed") for _, how, _ in self.outcomes))

    def _one(self, step: Step, following: Sequence[Step], ends_at: float) -> None:
        began = time.monotonic()
        how = "interrupted"
        self.keeper.say(f"## {step.number}. {step.title}")
        try:
            why = self._why_not(step, ends_at - began)
            how = (
                f"left out: {why}" if why else self._in_a_process(step, following, ends_at - began)
            )
        finally:
            seconds = time.monotonic() - began
            self.outcomes.append((step, how, seconds))
            self.keeper.keep(step.number, "end", {"how": how, "seconds": round(seconds, 1)})
            self.keeper.say(f"Step {step.number} {how}, {seconds:.0f} s.")

    def _why_not(self, step: Step, seconds: float) -> str | None:
        if seconds < _LEAST_SECONDS:
            return f"{max(0.0, seconds):.0f} of {self.seconds:.0f} s are left"
        reason: str | None = self.facts["missing"].get(step.needs) if step.needs else None
        return reason

    def _in_a_process(self, step: Step, following: Sequence[Step], seconds: float) -> str:
        limit = (
            seconds if "cuda" in self.facts.get("missing", {}) else min(step.limit_seconds, seconds)
        )
        process = self._take(step)
        num_failed, code = 0, None
        try:
            process.begin(limit, {**self.told, "facts": self.facts})
            self._prepare(following)
            num_failed = self._listen(process, limit)
            code = process.wait(_GRACE_SECONDS) if process.is_silent else process.ask_where_it_is()
        finally:
            process.end()
            num_failed += self._listen(process, _GRACE_SECONDS)  # what it said last
            words = process.close()
        if process.has_finished:
            return f"done, failed inside: {num_failed}" if num_failed else "done"
        if code is None:
            return f"failed: ended after {limit:.0f} s, {words}"
        return f"failed: {_exit(code)}, {words}"

    def _take(self, step: Step) -> StepProcess:
        """The process that was prepared, if it is that step's."""
        if self._next is not None and self._next.step is step:
            process, self._next = self._next, None
            return process
        self._forget_next()
        return StepProcess(step, self.child, self.keeper.log_path)

    def _prepare(self, following: Sequence[Step]) -> None:
        """Let the next step that is not left out import; what the first one lacks is not known
        yet."""
        missing = self.facts.get("missing", {})
        wanted = [
            step
            for step in following
            if step.needs is None or (self.facts and step.needs not in missing)
        ]
        if wanted:
            self._next = StepProcess(wanted[0], self.child, self.keeper.log_path)

    def _forget_next(self) -> None:
        if self._next is not None:
            self._next.end()
            self._next.close()
            self._next = None

    def _listen(self, process: StepProcess, seconds: float) -> int:
        """Keep what the process says, until it has ended or time is over; returns how many parts
        failed."""
        num_failed, ends_at = 0, time.monotonic() + seconds
        while not process.is_silent:
            with nullcontext() if process.has_ended else self._interrupt.raises():
                if not process.is_ready(ends_at):
                    break
            for line in process.read():
                [(kind, content)] = json.loads(line).items()
                num_failed += kind == "failed"
                process.has_finished |= kind == "finished"
                if kind == "facts":
                    self.facts = content
                self.keeper.keep(process.step.number, kind, content)
        return num_failed

    def _summary(self, steps: Sequence[Step]) -> None:
        for step in steps[len(self.outcomes) :]:
            self.outcomes.append((step, "not begun", 0.0))
        self.keeper.say("## All steps")
        self.keeper.keep(
            0, "table", {"title": "What was done", "columns": ["step", "what", "how it ended", "s"]}
        )
        for step, how, seconds in self.outcomes:
            self.keeper.keep(0, "row", [str(step.number), step.title, how, f"{seconds:.0f}"])


def _exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
