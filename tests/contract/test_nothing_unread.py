"""What is computed or kept is read by somebody: fields, functions, methods and constants of the
product.

By name, so two of the same name hide each other; what this finds is certain, what it does not find
is not.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.pyflyte import REPO_ROOT

_PACKAGES = ("rewards", "tasks", "workflows")

ALLOWED = {
    "BenchmarkResult.official_like": "result.json holds it, beside the headline",
    "BenchmarkResult.official_metrics": "result.json holds it, beside the headline",
    "BenchmarkResult.num_unparsed_robust": "result.json holds it, beside the paper's",
    "Prediction.truth": "predictions.parquet holds it, for people who look at answers",
    "ValidatedSet.findings": "Flyte shows it: where the checks lie",
    "PAPER_BENCHMARKS": "which of the benchmarks are the paper's: what tests count",
    "serve": "a worker's program names it, as text",
    "Fetch": "a type that stands in quotes, because it comes later",
    "pack_frames": "an archive of a chosen quality, for tests of those who read it",
    "StagePod.pod_spec": "flytekit reads it when tasks are registered",
    "_NobodySignsIn.refresh_credentials": "flytekit calls it when Flyte wants to know who asks",
    "_Progress.relative_update": "fsspec calls it for every piece that it fetched",
}
"""What nothing in the product reads, and why it is there all the same."""


class Reads(NamedTuple):
    """The names that a program reads."""

    names: set[str]
    attributes: set[str]


def _trees(root: Path) -> dict[Path, ast.Module]:
    paths = [path for package in _PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in paths}


def _reads(root: Path, trees: dict[Path, ast.Module]) -> Reads:
    found = Reads(set(), set())
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.attributes.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.names.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            found.names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.MatchClass):
            found.attributes.update(node.kwd_attrs)
    for template in (root / "tasks").rglob("*.j2"):
        found.attributes.update(re.findall(r"\.(\w+)", template.read_text()))
    return found


def unread(root: Path) -> Iterator[str]:
    """`NAME` or `CLASS.NAME` of everything below `root` that nothing there reads."""
    trees = _trees(root)
    reads = _reads(root, trees)
    for path, tree in trees.items():
        for name in _defined(tree, is_workflow=path.is_relative_to(root / "workflows")):
            known = reads.attributes if "." in name else reads.names | reads.attributes
            if name.rsplit(".", 1)[-1] not in known:
                yield name


def _defined(tree: ast.Module, *, is_workflow: bool) -> Iterator[str]:
    """Workflows and launch plans are read by who types their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_workflow:
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not is_workflow:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
    for owner in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for member in owner.body:
            if isinstance(member, ast.FunctionDef) and not _is_called_from_outside(member):
                yield f"{owner.name}.{member.name}"
            elif (
                isinstance(member, ast.AnnAssign)
                and isinstance(member.target, ast.Name)
                and _has_fields(owner)
            ):
                yield f"{owner.name}.{member.target.id}"


def _is_called_from_outside(method: ast.FunctionDef) -> bool:
    return method.name.startswith("__") or any(
        "override" in ast.unparse(mark) for mark in method.decorator_list
    )


def _has_fields(owner: ast.ClassDef) -> bool:
    marks = [ast.unparse(mark) for mark in (*owner.decorator_list, *owner.bases)]
    return any(mark.startswith(("dataclass", "NamedTuple")) for mark in marks)


@pytest.mark.slow
def test_everything_that_is_defined_is_read() -> None:
    found = set(unread(REPO_ROOT))
    assert found - ALLOWED.keys() == set()


def test_what_nobody_reads_is_found(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.py").write_text(
        "from dataclasses import dataclass\n"
        "LIMIT, _unused = 3, 4\n"
        "OTHER = 5\n"
        "@dataclass(frozen=True)\n"
        "class Row:\n"
        "    read: int\n"
        "    kept: int\n"
        "    shown: int\n"
        "    def used(self) -> int:\n"
        "        return self.read\n"
        "    def idle(self) -> None: ...\n"
        "def lonely() -> Row:\n"
        "    return Row(read=LIMIT, kept=1, shown=2)\n"
        "def busy(row: Row) -> int:\n"
        "    return row.used()\n"
        "busy(Row(1, 2, 3))\n"
    )
    (tmp_path / "tasks" / "a.j2").write_text("{{ row.shown }}")
    assert set(unread(tmp_path)) == {"OTHER", "Row.kept", "Row.idle", "lonely"}
