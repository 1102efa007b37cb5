"""What a run needs and how it stands, as one line: never a traceback."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a prerequisite stands."""

    OK = "ok"
    MISSING = "missing"
    """It can be asked, and what is needed is not there."""
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"
    """Optional, and not asked for."""


@dataclass(frozen=True, kw_only=True)
class Prerequisite:
    """Something that a run needs."""

    name: str
    status: Status
    detail: str
    todo: str = ""
    is_required: bool = True

    @property
    def stops(self) -> bool:
        return self.is_required and self.status in (Status.MISSING, Status.UNREACHABLE)

    def line(self) -> str:
        todo = f"; {self.todo}" if self.todo and self.status is not Status.OK else ""
        return f"{self.status:<12} {self.name:<18} {self.detail}{todo}"


Check = Callable[[], Iterator[Prerequisite]]


def run_check(name: str, check: Check, todo: str) -> Iterator[Prerequisite]:
    """What `check` yields; an error becomes one line that says what to do."""
    try:
        yield from check()
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        yield Prerequisite(name=name, status=Status.UNREACHABLE, detail=first_line, todo=todo)
