"""Reading back what was kept: what cannot be read is said in one line, which names the file and
what to do with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tasks.core.checks import shown
from tasks.core.errors import InputError
from tasks.core.store import Store

KeptT = TypeVar("KeptT")
MADE_ANEW = "delete it and run the same command again, which makes it anew"


def read_json(store: Store, key: str, kept_type: type[KeptT], remedy: str = MADE_ANEW) -> KeptT:
    """The value of `kept_type` that is kept as JSON under `key`; `remedy` says what to do if it is
    damaged.

    Raises:
        InputError: the file is missing, or not what was written; names it.
    """
    return parse_json(read_kept(store, key, remedy), store.path(key), kept_type, remedy)


def parse_json(data: bytes, path: str, kept_type: type[KeptT], remedy: str = MADE_ANEW) -> KeptT:
    """The same of bytes that were read at `path`."""
    try:
        return TypeAdapter(kept_type).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise damaged(
            path, f"{place}: {first['msg']}" if place else first["msg"], remedy
        ) from error


def read_kept(store: Store, key: str, remedy: str = MADE_ANEW) -> bytes:
    """
    Raises:
        InputError: there is no such file; names it.
    """
    try:
        return store.read_bytes(key)
    except FileNotFoundError as error:
        # What is gone need not be deleted, so that part of the advice is left out.
        raise InputError(
            f"{store.path(key)} is gone; {remedy.removeprefix('delete it and ')}"
        ) from error


@contextmanager
def whole(path: str, *problems: type[Exception], remedy: str = MADE_ANEW) -> Iterator[None]:
    """What a library raises while it parses the file at `path`, `problems`, means that it is
    damaged."""
    try:
        yield
    # It is a ValueError, which `problems` may name, and says already what is wrong.
    except InputError:
        raise
    except problems as error:
        raise damaged(path, f"{type(error).__name__}: {error}", remedy) from error


def damaged(path: str, problem: str, remedy: str = MADE_ANEW) -> InputError:
    """For a file that is not what was written."""
    problem = " ".join(problem.split())
    return InputError(
        f"{path} is damaged ({problem if len(problem) < 200 else shown(problem)}); {remedy}"
    )
