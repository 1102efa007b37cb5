"""SIGTERM (a spot node, `kubectl delete pod`) or Ctrl-C asks a run to stop between two steps."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tasks.core.errors import Interrupted
from tasks.train.ranks import Ranks

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def handlers_kept() -> Iterator[Mapping[signal.Signals, Any]]:
    """Put the handlers of both signals back afterwards; none in a thread that may not set any."""
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS if is_main}
    try:
        yield before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopRequest:
    """Whether a signal asked this run to stop."""

    def __init__(self) -> None:
        self._signal_number = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals meanwhile.

        The first is remembered, a second one acts as it would without us.
        """
        with handlers_kept() as before:

            def remember(number: int, frame: FrameType | None) -> None:
                self._signal_number = number
                for known, handler in before.items():
                    signal.signal(known, handler)

            for number in before:
                signal.signal(number, remember)
            yield

    def check(self, ranks: Ranks) -> None:
        """To be called by every rank at the same moments.

        Raises:
            Interrupted: a signal came, to this rank or to another one.
        """
        # A signal may reach one rank alone. If it stopped alone, the others would wait for ever at
        # the next exchange.
        number = max(ranks.gather(self._signal_number))
        if number:
            raise Interrupted(number, f"stopped by {signal.Signals(number).name}")
