"""What a step says while it runs: each line leaves the process at once, so that nothing is lost
with it."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

Cell = str | float | int | None


@dataclass
class Report:
    """Lines of JSON for the process that keeps them."""

    file: TextIO
    ends_at: float = float("inf")
    """By `time.monotonic`: when this process will be ended."""
    began: float = field(default_factory=time.monotonic, init=False)
    """Before anything large was imported."""

    @property
    def seconds_left(self) -> float:
        return self.ends_at - time.monotonic()

    def table(self, title: str, *columns: str) -> None:
        """Begin a table; rows follow."""
        self._say("table", {"title": title, "columns": columns})

    def row(self, *cells: Cell) -> None:
        self._say("row", [_shown(cell) for cell in cells])

    def note(self, text: str) -> None:
        self._say("note", text)

    def left_out(self, what: str, why: str) -> None:
        """Something that cannot be done here."""
        self._say("left out", {"what": what, "why": why})

    def facts(self, facts: dict[str, Any]) -> None:
        """What later steps go by."""
        self._say("facts", facts)

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """One of several measurements: if it fails that is said, and the next one has its turn."""
        try:
            yield
        except Exception as error:  # whatever a kernel may raise
            self._say("failed", {"what": what, "why": one_line(error)})

    def parts(self, works: Sequence[tuple[str, str | None, Callable[[], None]]]) -> None:
        """(what, why it is left out or None, the measurement), one after the other."""
        for what, why, work in works:
            if why is not None:
                self.left_out(what, why)
                continue
            with self.part(what):
                work()

    def finished(self) -> None:
        """All was said: how the process ends after that is no news."""
        self._say("finished", None)

    def _say(self, kind: str, content: Any) -> None:
        self.file.write(json.dumps({kind: content}) + "\n")
        self.file.flush()


def one_line(error: BaseException) -> str:
    """The error's type and the first line of its message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.2e}" if cell and abs(cell) < 0.01 else f"{cell:.2f}"
    return str(cell)
