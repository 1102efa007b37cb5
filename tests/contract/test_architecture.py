"""The rules of the house (CONTRIBUTING.md) that a machine can check."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.helpers.pyflyte import REPO_ROOT

_PACKAGES = ("rewards", "tasks", "workflows")
_TOP_LEVEL_FOLDERS = {*_PACKAGES, "images", "charts", "tests", ".ci"}
_FORBIDDEN_NAMES = {
    "utils.py",
    "util.py",
    "helpers.py",
    "common.py",
    "misc.py",
    "manager.py",
    "handlers.py",
}
_MAX_LINES = 350
_HEAVY = {
    "PIL",
    "av",
    "deepspeed",
    "great_expectations",
    "kubernetes",
    "matplotlib",
    "mlflow",
    "torch",
    "vllm",
}

_SOURCES = [path for package in _PACKAGES for path in sorted((REPO_ROOT / package).rglob("*.py"))]
_TESTS = sorted((REPO_ROOT / "tests").rglob("*.py"))
_DOORS = [path for path in _SOURCES if path.match("tasks/*/task.py")]


@pytest.mark.slow
def test_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rewards_need_only_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"rewards"}
    for path in sorted((REPO_ROOT / "rewards").rglob("*.py")):
        assert _imported(ast.walk(ast.parse(path.read_text()))) <= allowed, path.name


@pytest.mark.parametrize("door", _DOORS, ids=lambda path: path.parent.name)
def test_door_imports_heavy_libraries_inside_its_functions(door: Path) -> None:
    assert not _imported(ast.parse(door.read_text()).body) & _HEAVY


@pytest.mark.parametrize("door", _DOORS, ids=lambda path: path.parent.name)
def test_door_keeps_its_annotations_as_types(door: Path) -> None:
    assert "__future__" not in _imported(ast.parse(door.read_text()).body), (
        "flytekit cannot read postponed annotations"
    )


@pytest.mark.slow
def test_opening_all_doors_loads_nothing_heavy() -> None:
    modules = [".".join(path.relative_to(REPO_ROOT).with_suffix("").parts) for path in _DOORS]
    program = f"import sys, {', '.join(['flytekit', *modules])}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=REPO_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not _HEAVY & set(loaded)


def test_files_stay_small() -> None:
    num_lines = {path: len(path.read_text().splitlines()) for path in [*_SOURCES, *_TESTS]}
    assert not [path for path, count in num_lines.items() if count > _MAX_LINES]


def test_file_names_say_what_is_inside() -> None:
    assert not [path for path in [*_SOURCES, *_TESTS] if path.name in _FORBIDDEN_NAMES]


@pytest.mark.slow
def test_every_module_says_what_it_is_for() -> None:
    modules = {path: ast.parse(path.read_text()) for path in _SOURCES}
    assert not [
        path for path, module in modules.items() if module.body and not ast.get_docstring(module)
    ]


@pytest.mark.slow
def test_top_level_folders_are_the_agreed_ones() -> None:
    if not (REPO_ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPO_ROOT, capture_output=True, text=True, check=True
    ).stdout
    folders = {Path(line).parts[0] for line in tracked.splitlines() if "/" in line}
    assert folders <= _TOP_LEVEL_FOLDERS


def _imported(nodes: Iterable[ast.AST]) -> set[str]:
    """Top-level packages that the import statements among `nodes` name."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names
