"""Errors that a caller acts on.

    InputError   what the user gave cannot be used: shown as one line, without a traceback
    Interrupted  a signal ended the run, after its progress was kept

Everything else is a plain ValueError (bad argument) or an assert (our own invariant).
"""

from collections.abc import Iterator

import click


class InputError(click.ClickException, ValueError):
    """Bad input from outside: the message shows what came, what was expected and what to do.

    It is a click exception because `pyflyte run` prints those as one line and exits with 1;
    any other exception would be shown as a traceback.
    """

    def __str__(self) -> str:
        return self.message


class Interrupted(SystemExit):  # it is no error, as KeyboardInterrupt is none
    """A signal ended the run in good order: the same command goes on from what was kept."""

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(
            128 + signal_number
        )  # what a shell expects of a process that a signal ended
        self.message = message

    def __str__(self) -> str:
        return self.message


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was raised from or while handling, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
