"""Errors that a caller acts on.

    InputError   what the user gave cannot be used: shown as one line, without a traceback

Everything else is a plain ValueError (bad argument) or an assert (our own invariant).
"""

import click


class InputError(click.ClickException, ValueError):
    """Bad input from outside: the message shows what came, what was expected and what to do.

    It is a click exception because `pyflyte run` prints those as one line and exits with 1;
    any other exception would be shown as a traceback.
    """

    def __str__(self) -> str:
        return self.message
