"""A public class name of the product stands for one thing; so who reads it need not ask which."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.helpers.pyflyte import REPO_ROOT

_PACKAGES = ("rewards", "tasks", "workflows")

SHARED = {
    "Dataset": "diagnose: what is diagnosed; workflows: what build_dataset hands to the user",
    "Found": "ingest: an object of a bucket; diagnose: what is published",
    "Marks": "perturb: the pretext task; video: what is drawn on a preview",
    "Outcome": "video: of isolated work; diagnose: of a row",
    "Part": "benchmarks: a mean of some items; diagnose: shares of some rows; rewards: of a composite answer",
    "Row": "exchange: a question; video: a line of a contact sheet",
    "Run": "core: MLflow's; video: of packets",
    "Selection": "core: of samples; video: of frames",
    "Source": "policy: where a model comes from; benchmarks: where files lie",
    "Trained": "core: what training hands on; ingest: which clips were trained on",
    "Verdict": "ingest: on a video; validate: of a proof",
}
"""Names that still stand for two things, with the rooms that will mend them. It only gets shorter."""


def _homes(root: Path) -> dict[str, list[str]]:
    """Files that define a public class of that name; rows of a benchmark's adapter are its own business."""
    homes = defaultdict(list)
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and "adapters" not in path.parts:
                    homes[node.name].append(str(path.relative_to(root)))
    return homes


def test_a_public_class_name_stands_for_one_thing() -> None:
    shared = {name: homes for name, homes in _homes(REPO_ROOT).items() if len(homes) > 1}
    assert shared.keys() <= SHARED.keys(), {name: homes for name, homes in shared.items() if name not in SHARED}


def test_a_name_that_was_mended_leaves_the_list() -> None:
    homes = _homes(REPO_ROOT)
    assert [name for name in SHARED if len(homes[name]) < 2] == []


def test_a_second_class_of_a_name_is_found(tmp_path: Path) -> None:
    first, second = "class Run: ...\nclass _Row: ...\n", "class _Row: ...\ndef f():\n    class Run: ...\n"
    for name, text in (("a", first), ("b", second)):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "x.py").write_text(text)
    assert _homes(tmp_path) == {"Run": ["tasks/a/x.py", "tasks/b/x.py"]}
