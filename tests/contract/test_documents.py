"""What README and CONTRIBUTING name is there: paths, modules, names, fields of the configuration,
commands."""

import ast
import inspect
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from tasks.benchmarks.adapter import Adapter
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.core.config import RetrainConfig
from tasks.exchange.layouts import LAYOUTS, parse_record
from tasks.perturb.pretext import PRETEXTS, PretextTask
from tasks.rollout.engine import RolloutEngine
from tasks.rollout.open_answerer import open_answerer
from tasks.tracking.tracker import Tracker
from tests.helpers.pyflyte import REPO_ROOT

_DOCUMENTS = ("README.md", "CONTRIBUTING.md")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(
    r"(?<![\w/.:{<-])[\w.*-]*(?:/[\w.*-]+)*(?:/|\.(?:py|md|toml|j2|csv|yaml|xz|txt))(?![\w<])"
)
_DOTTED = re.compile(r"(?<![\w/.-])[a-z_]+(?:\.\w+)+(?![\w/(.:-])")
_WORD = re.compile(r"(?<![\w.*-])[A-Za-z_]\w*(?:_\w+|[a-z][A-Z]\w*)(?!\*)\b")
"""Names of code have an underscore or a capital inside: other words are prose."""
_COMMAND = re.compile(r"pyflyte run (?:--remote .*?)?workflows/(\w+)\.py (\w+)((?:[^\n\\]|\\\n)*)")
_GIVEN = re.compile(r"://|^\.|^/|<|=|DIR")
"""What a person fills in, and places that are not the repository's."""
_ELSEWHERE = {"secretName", "terminationGracePeriodSeconds"}
"""Names of other people's programs."""


@cache
def _tracked() -> tuple[str, ...]:
    roots = ("rewards", "tasks", "workflows", "tests", "charts", "images")
    inside = (path for root in roots for path in (REPO_ROOT / root).rglob("*"))
    found = [
        path.relative_to(REPO_ROOT)
        for path in (*inside, *REPO_ROOT.iterdir())
        if "__pycache__" not in path.parts
    ]
    return tuple(path.as_posix() for path in found)


@cache
def _words() -> frozenset[str]:
    """Of every source that is no document."""
    endings = {".py", ".j2", ".toml", ".yaml", ".tpl", ".txt", ".sh", ".csv", ""}
    files = [REPO_ROOT / name for name in _tracked() if Path(name).suffix in endings]
    texts = (
        path.read_text(errors="ignore")
        for path in files
        if path.is_file() and path != Path(__file__)
    )
    return frozenset(word for text in texts for word in re.findall(r"[\w.]*\w", text))


def _code(document: str) -> Iterator[str]:
    """What stands in backticks."""
    text = (REPO_ROOT / document).read_text()
    yield from _SPAN.findall(_FENCE.sub("", text))


def _exists(path: str) -> bool:
    bare = path.rstrip("/")
    return any(fnmatch(name, bare) or fnmatch(name, f"*/{bare}") for name in _tracked())


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_paths_are_there(document: str) -> None:
    named = {
        path for span in _code(document) if not _GIVEN.search(span) for path in _PATH.findall(span)
    }
    assert len(named) > 5
    assert {path for path in named if not _exists(path)} == set()


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_dotted_names_are_modules_or_fields(document: str) -> None:
    """A module with what it defines, a field of the configuration, or a name that the sources write
    just so."""
    dotted = {
        name
        for span in _code(document)
        for name in _DOTTED.findall(span)
        if not _GIVEN.search(span)
    }
    named = {name for name in dotted if not _PATH.fullmatch(name)}
    assert {
        name for name in named if not (_is_defined(name) or _is_field(name) or name in _words())
    } == set()


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_names_of_code_are_in_the_sources(document: str) -> None:
    parts = {part for word in _words() for part in word.split(".")} | _ELSEWHERE
    named = {word for span in _code(document) for word in _WORD.findall(span)}
    assert {word for word in named if word not in parts and not word.startswith("test_")} == set()


def test_make_has_the_targets_that_are_named() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPO_ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in _DOCUMENTS:
        text = (REPO_ROOT / document).read_text()
        spans = [*_FENCE.findall(text), *_code(document)]
        assert {
            name for span in spans for name in re.findall(r"\bmake ([a-z]+)", span)
        } <= targets, document


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_commands_have_the_arguments_that_are_shown(document: str) -> None:
    for module, name, rest in _COMMAND.findall((REPO_ROOT / document).read_text()):
        tree = ast.parse((REPO_ROOT / "workflows" / f"{module}.py").read_text())
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{document}: {module}.py {name}"
        known = {argument.arg for argument in functions[name].args.args}
        assert set(re.findall(r" --(\w+)", rest.split("#")[0])) <= known, (
            f"{document}: {module}.py {name}"
        )


def test_the_map_of_the_readme_names_what_is_there() -> None:
    (text,) = [
        fence
        for fence in _FENCE.findall((REPO_ROOT / "README.md").read_text())
        if fence.startswith("workflows/")
    ]
    room = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            room = line.split("/")[0]
        for path in re.findall(r"(?<![\w/])\w+(?:/\w+)?(?:\.py|/)(?!\w)", line):
            assert _exists(f"{room}/{path}") or _exists(f"{room}/*/{path}") or _exists(path), path


def test_how_to_add_names_what_the_code_asks_for() -> None:
    told = dict(
        re.findall(
            r"^- \*\*(A[^*]+)\*\*(.*(?:\n  .*)*)",
            (REPO_ROOT / "CONTRIBUTING.md").read_text(),
            re.MULTILINE,
        )
    )
    asked: dict[str, list[tuple[object, str]]] = {
        "A pretext task": [(PretextTask, "tasks/perturb/"), (PRETEXTS, "PRETEXTS")],
        "A benchmark": [
            (Adapter, "tasks/benchmarks/adapter.py"),
            (Adapter, "Adapter"),
            (BENCHMARKS, "catalogue.py"),
        ],
        "An answerer": [(_yielded(open_answerer), "Answerer")],
        "A layout of another project": [(LAYOUTS, "LAYOUTS"), (parse_record, "layouts.py")],
        "A tracker": [(Tracker, "tasks/tracking/tracker.py")],
        "An engine": [(RolloutEngine, "tasks/rollout/engine.py")],
    }
    for what, entries in asked.items():
        for thing, name in entries:
            assert f"`{name}`" in told[what], (what, name)
            if isinstance(thing, type):
                own = Path(inspect.getfile(thing)).relative_to(REPO_ROOT).as_posix()
                assert name in (thing.__name__, own) or own.startswith(name), (what, name)


def _yielded(opener: object) -> type:
    """What a context manager gives."""
    (given,) = get_args(get_type_hints(inspect.unwrap(opener))["return"])  # type: ignore[arg-type]
    assert isinstance(given, type)
    return given


def test_what_is_not_there_is_found() -> None:
    assert _PATH.findall("see tasks/evaluate/nowhere.py, `tasks/gone/`") == [
        "tasks/evaluate/nowhere.py",
        "tasks/gone/",
    ]
    assert not _exists("tasks/evaluate/nowhere.py")
    assert not _exists("tasks/gone/")
    assert _exists("tasks/benchmarks/adapters/*.py")
    assert not _is_field("calibrate.nothing")
    assert not _is_defined("tasks.core.seeding.nothing")


def _is_field(name: str) -> bool:
    section: type = RetrainConfig
    for part in name.split("."):
        hints = get_type_hints(section) if hasattr(section, "__dataclass_fields__") else {}
        if part not in hints:
            return False
        section = hints[part]
    return True


def _is_defined(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = REPO_ROOT.joinpath(*parts[:length])
        if place.is_dir() and length == len(parts):
            return True
        if place.with_suffix(".py").is_file():
            defined = set(
                re.findall(
                    r"^(?:class|def) (\w+)|^(\w+)[:=]",
                    place.with_suffix(".py").read_text(),
                    re.MULTILINE,
                )
            )
            names = {word for pair in defined for word in pair}
            return length == len(parts) or parts[length] in names
    return False
