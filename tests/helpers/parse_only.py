"""Command lines of Python programs, parsed by these programs, which then end: `python -m
tests.helpers.parse_only LINES ANSWERS`.

LINES is JSON, a list of word lists; ANSWERS gets what the program said against each, or null. The
programs are the real ones; what they parse with (argparse, click) is told to stop once it is
content.
"""

import argparse
import contextlib
import io
import json
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click


def main(lines: Path, answers: Path) -> None:
    _stop_after_parsing()
    answers.write_text(json.dumps([refusal(words) for words in json.loads(lines.read_text())]))


def refusal(words: Sequence[str]) -> str | None:
    """What the program says against its arguments; None if it would run."""
    try:
        start = _program(words)
    except LookupError as error:
        return f"{error.args[0]}"
    said, before = io.StringIO(), sys.argv
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            start()
    except SystemExit as end:
        return None if not end.code else f"{said.getvalue()}\n{end.code}"
    except Exception as error:
        return f"{said.getvalue()}\n{type(error).__name__}: {error}"
    finally:
        sys.argv = before
    return "it read its arguments in no way known here"


def _program(words: Sequence[str]) -> Callable[[], object]:
    """What is called when these words are typed. Only what parses may be called: the rest would
    run.

    Raises:
        LookupError: there is no such program, or it has no parser.
    """
    match words:
        case ["python", "-c", text]:
            return lambda: _end(compile(text, "-c", "exec"))
        case ["python", "-m", module, *rest]:
            if _parses(*_sources(module)):
                return lambda: _call(
                    module, rest, lambda: runpy.run_module(module, run_name="__main__")
                )
            if not rest:
                return lambda: _end(None)
            raise LookupError(f"{module} has no parser for {rest}")
        case ["python", file, *rest] if not file.startswith("-"):
            if _parses(Path(file)):
                return lambda: _call(file, rest, lambda: runpy.run_path(file, run_name="__main__"))
            raise LookupError(f"{file} has no parser for {rest}")
        case [name, *rest]:
            found = list(entry_points(group="console_scripts", name=name))
            if found:
                return lambda: _call(name, rest, found[0].load())
    raise LookupError(f"{words[0]} is no program of the environment")


def _call(name: str, arguments: Sequence[str], start: Callable[[], object]) -> object:
    sys.argv = [name, *arguments]
    return start()


def _sources(module: str) -> list[Path]:
    """The file that `python -m` runs, and that of the package whose `__main__` it is."""
    try:
        found = [find_spec(module)]
        if found[0] is not None and found[0].submodule_search_locations:
            found.append(find_spec(f"{module}.__main__"))
    except ModuleNotFoundError:
        found = [None]
    if found[-1] is None:
        raise LookupError(f"there is no module {module} to run")
    return [Path(spec.origin) for spec in found if spec is not None and spec.origin is not None]


def _parses(*sources: Path) -> bool:
    for source in sources:
        if not source.is_file():
            raise LookupError(f"there is no file {source}")
    return any(
        name in source.read_text()
        for source in sources
        for name in ("ArgumentParser", "click.command")
    )


def _stop_after_parsing() -> None:
    parse, run = argparse.ArgumentParser.parse_args, click.Command.invoke

    def parse_and_end(
        parser: argparse.ArgumentParser, args: Any = None, namespace: Any = None
    ) -> NoReturn:
        _end(parse(parser, args, namespace))

    def end_in_a_command(command: click.Command, context: click.Context) -> Any:
        return run(command, context) if isinstance(command, click.Group) else _end(context)

    argparse.ArgumentParser.parse_args = parse_and_end  # type: ignore[assignment, method-assign]
    click.Command.invoke = end_in_a_command  # type: ignore[assignment, method-assign]


def _end(_: Any) -> NoReturn:
    """The arguments are good."""
    raise SystemExit(0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
