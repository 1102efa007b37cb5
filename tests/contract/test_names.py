"""A public class name of the product stands for one thing; so who reads it need not ask which."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.helpers.pyflyte import REPO_ROOT

_PACKAGES = ("rewards", "tasks", "workflows")


def _homes(root: Path) -> dict[str, list[str]]:
    """Files that define a public class of that name; rows of a benchmark's adapter are its own
    business."""
    homes = defaultdict(list)
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.ClassDef)
                    and not node.name.startswith("_")
                    and "adapters" not in path.parts
                ):
                    homes[node.name].append(str(path.relative_to(root)))
    return homes


def test_a_public_class_name_stands_for_one_thing() -> None:
    assert {name: homes for name, homes in _homes(REPO_ROOT).items() if len(homes) > 1} == {}


def test_a_second_class_of_a_name_is_found(tmp_path: Path) -> None:
    first, second = (
        "class Run: ...\nclass _Row: ...\n",
        "class _Row: ...\ndef f():\n    class Run: ...\n",
    )
    for name, text in (("a", first), ("b", second)):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "x.py").write_text(text)
    assert _homes(tmp_path) == {"Run": ["tasks/a/x.py", "tasks/b/x.py"]}
