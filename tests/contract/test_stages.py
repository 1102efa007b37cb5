"""Finished work is found again only by the code that made it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.stages import STAGES, sources_of
from tests.helpers.pyflyte import REPO_ROOT


@pytest.mark.parametrize("stage", STAGES)
def test_sources_are_those_that_were_written_down_with_the_version(stage: str) -> None:
    assert sources_of(stage) == STAGES[stage].sources, (
        f"code of {stage} changed since version {STAGES[stage].version}: python -m "
        f"tests.helpers.renew_stages, with {stage} behind it if results change"
    )


def test_a_version_that_is_raised_alone_is_noticed() -> None:
    for stage, known in STAGES.items():
        assert sources_of(stage, known.version + 1) != known.sources


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("rewards", "tasks"):
        shutil.copytree(
            REPO_ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def _codes(checkout: Path) -> dict[str, str]:
    program = (
        "from tasks.core.stages import STAGES, code_of\nfor name in STAGES: print(name, "
        "*code_of(name), sep='|')"
    )
    command = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, {str(checkout)!r})\n{program}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=checkout)
    return dict(line.split("|", 1) for line in done.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "changed", "kept"),
    [
        ("tasks/train/loss.py", {"train"}, set(STAGES) - {"train"}),
        ("tasks/train/warm_start.py", {"warm_start"}, set(STAGES) - {"warm_start"}),
        ("tasks/calibrate/belief.py", {"calibrate"}, set(STAGES) - {"calibrate"}),
        ("tasks/validate/expectations.py", {"validate"}, set(STAGES) - {"validate"}),
        ("tasks/perturb/jigsaw.py", {"perturb"}, {"ingest", "train", "evaluate"}),
        (
            "tasks/video/probe.py",
            {"ingest", "import", "answer"},
            {"train", "warm_start", "validate"},
        ),
        (
            "tasks/video/transforms.py",
            {"warm_start", "train", "calibrate", "evaluate", "validate"},
            {"ingest"},
        ),
        ("rewards/verify.py", {"train", "calibrate", "evaluate"}, {"ingest", "answer"}),
        ("tasks/tracking/run.py", set(), set(STAGES)),
    ],
)
def test_an_edited_file_changes_the_keys_of_the_stages_that_use_it(
    checkout: Path, path: str, changed: set[str], kept: set[str]
) -> None:
    before = _codes(checkout)
    file = checkout / path
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "\n_EDITED = 1\n", encoding="utf-8")
    try:
        after = _codes(checkout)
    finally:
        file.write_text(text, encoding="utf-8")
    assert {name for name in changed if before[name] == after[name]} == set()
    assert {name for name in kept if before[name] != after[name]} == set()
