"""Command lines as they stand in documents, docstrings, scripts, images and the rendered chart."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

PROGRAMS = frozenset(
    (
        "docker",
        "helm",
        "kubectl",
        "make",
        "mlflow",
        "pip",
        "pyflyte",
        "pytest",
        "python",
        "uv",
        "vllm",
    )
)
"""What a line of a document begins with if it is a command line: anything else is output, data or
prose."""
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_NO_COMMANDS = ("json", "mermaid", "python", "yaml")
_INNER = re.compile(r"\$\(([^()]*)\)")
_COMMENT = re.compile(r"(?:^|\s+)# .*$", re.MULTILINE)
_SHELL_VARIABLE = re.compile(r"\$\{?\w+\}?")
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_BEFORE_A_COMMAND = ("$", "!", "{", "do", "else", "exec", "if", "then", "while")
_STAND_IN = "1"
"""For what a shell or a person fills in: text and number at once."""


@dataclass(frozen=True)
class CommandLine:
    """One program with its arguments, and where it is written."""

    place: str
    words: tuple[str, ...]
    whole: bool = True
    """A mention in prose (`pyflyte run`) may leave out what the program needs; a line to copy may
    not."""

    def __str__(self) -> str:
        return f"{self.place}: {shlex.join(self.words)}"


def of_document(place: str, text: str) -> Iterator[CommandLine]:
    """Fenced lines, and what stands in backticks."""
    for language, fence in _FENCE.findall(text):
        if language not in _NO_COMMANDS:
            yield from _known(of_script(place, fence))
    for span in _SPAN.findall(_FENCE.sub("", text)):
        yield from (
            CommandLine(place, line.words, whole=False) for line in _known(of_script(place, span))
        )


def of_docstrings(place: str, source: str) -> Iterator[CommandLine]:
    """What the docstrings of a Python file show: spans, and lines that begin with `pyflyte`."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(source)):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        for line in re.findall(r"^pyflyte (?:.*\\\n)*.*$", text or "", re.MULTILINE):
            yield from of_script(place, line)
        yield from (line for line in of_document(place, text or "") if not line.whole)


def of_script(place: str, text: str) -> Iterator[CommandLine]:
    """Every command of some shell text; `$(...)` counts too, and a variable has some value."""
    joined = _COMMENT.sub("", re.sub(r"\\\n\s*", " ", text))
    while inner := _INNER.search(joined):
        yield from of_script(place, inner[1])
        joined = joined.replace(inner[0], _STAND_IN)
    for line in joined.splitlines():
        for words in _commands(line):
            yield CommandLine(place, tuple(words))


def of_objects(place: str, resource: Any) -> Iterator[CommandLine]:
    """Containers and probes anywhere in a Kubernetes object."""
    if isinstance(resource, list):
        for entry in resource:
            yield from of_objects(place, entry)
    elif isinstance(resource, dict):
        if resource.keys() >= {"name", "image"} or isinstance(resource.get("command"), list):
            words = [*resource.get("command", []), *resource.get("args", [])]
            yield CommandLine(f"{place} {resource.get('name', 'probe')}", tuple(words))
        for entry in resource.values():
            yield from of_objects(place, entry)


def of_instruction(place: str, keyword: str, value: str) -> Iterator[CommandLine]:
    """What an instruction of a Dockerfile runs, at build time or later."""
    command = value.partition("CMD ")[2] if keyword == "HEALTHCHECK" else value
    if command.startswith("["):
        yield CommandLine(place, tuple(json.loads(command)))
    else:
        yield from of_script(place, command)


def _known(lines: Iterator[CommandLine]) -> Iterator[CommandLine]:
    """Without the lines of other programs, and names of programs alone."""
    return (line for line in lines if line.words[0] in PROGRAMS and len(line.words) > 1)


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command on a line of shell, from the program's name on."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split, lexer.commenters = True, ""
    command: list[str] = []
    for word in [*_words_of(lexer), ";"]:
        if not word or word.strip(";&|"):
            command.append(word)
            continue
        words = list(_filled_in(_from_the_program(command)))
        if words:
            yield words
        command = []


def _words_of(lexer: shlex.shlex) -> list[str]:
    try:
        return list(lexer)
    except ValueError:  # an odd apostrophe: prose, or output
        return []


def _from_the_program(words: list[str]) -> list[str]:
    while words and (words[0] in _BEFORE_A_COMMAND or _ASSIGNMENT.fullmatch(words[0])):
        words = words[1:]
    return [PurePath(words[0]).name, *words[1:]] if words and words[0] else []


def _filled_in(words: Sequence[str]) -> Iterator[str]:
    """Without redirections and what stands in brackets as optional, with values for what is left
    open."""
    rest = iter(words)
    for word in rest:
        if re.fullmatch(r"\d?>>?|<", word):
            next(rest, None)
        elif re.match(r"\d?>>?[&/\w]", word):
            continue
        elif re.match(r"\[(?:--|[A-Z])", word):
            while not word.endswith("]"):
                word = next(rest, "]")
        elif word not in ("...", "…"):
            yield _STAND_IN if word == "N" else _SHELL_VARIABLE.sub(_STAND_IN, word)
