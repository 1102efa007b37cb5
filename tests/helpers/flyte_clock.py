"""Time in the double's executions: minutes that are declared, so no test waits and none depends on
the machine."""

from collections.abc import Iterator
from contextlib import contextmanager


class LimitPassedError(Exception):
    """The limit of `owner` ends what runs."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class Clock:
    """Of an execution, or of one branch of it."""

    def __init__(self, now: float = 0.0, limits: tuple[tuple[float, str], ...] = ()) -> None:
        self.now = now
        self._limits = limits
        """(minute, owner) of all that stand around what runs now."""

    def spend(self, minutes: float) -> None:
        """Let time pass.

        Raises:
            LimitPassedError: a limit is passed before; it is that time then.
        """
        end = self.now + minutes
        minute, owner = min(self._limits, default=(end, ""))
        self.now = min(end, minute)
        if minute < end:
            raise LimitPassedError(owner)

    @contextmanager
    def limit(self, owner: str, minute: float) -> Iterator[None]:
        """Within it, nothing outlasts `minute`."""
        before, self._limits = self._limits, (*self._limits, (minute, owner))
        try:
            yield
        finally:
            self._limits = before

    def fork(self) -> "Clock":
        """For what runs beside others."""
        return Clock(self.now, self._limits)

    def join(self, others: list["Clock"]) -> None:
        """Go on when the last of `others` has ended."""
        self.now = max([self.now, *(other.now for other in others)])
