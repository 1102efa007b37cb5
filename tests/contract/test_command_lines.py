"""Every command line that is shown or deployed is one that its program takes."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.chart import VALUES, notes, render
from tests.helpers.command_lines import (
    PROGRAMS,
    CommandLine,
    of_docstrings,
    of_document,
    of_instruction,
    of_objects,
)
from tests.helpers.dockerfile import read_stages
from tests.helpers.image import IMAGES
from tests.helpers.programs import is_here, refusals
from tests.helpers.pyflyte import REPO_ROOT

pytestmark = pytest.mark.slow

_DOCUMENTS = ("README.md", "CONTRIBUTING.md", "charts/videossr/README.md", "images/README.md")
_DEPLOYED = {"mlflow", "pyflyte", "python", "vllm"}
"""Programs of the images."""


@cache
def _shown() -> tuple[CommandLine, ...]:
    """What a person reads and types."""
    documents = {name: (REPO_ROOT / name).read_text() for name in _DOCUMENTS}
    documents |= {
        f"NOTES, {name}": f"```\n{notes(values)}\n```\n" for name, values in VALUES.items()
    }
    sources = [
        path
        for room in ("rewards", "tasks", "workflows")
        for path in (REPO_ROOT / room).rglob("*.py")
    ]
    return (
        *(line for place, text in documents.items() for line in of_document(place, text)),
        *(
            line
            for path in sorted(sources)
            for line in of_docstrings(_name(path), path.read_text())
        ),
    )


@cache
def _deployed() -> tuple[CommandLine, ...]:
    """What the chart's containers and the images start."""
    objects = [
        (f"chart, {name}: {each['kind']}", each)
        for name, values in VALUES.items()
        for each in render(values)
    ]
    return (
        *(line for place, resource in objects for line in of_objects(place, resource)),
        *(line for path in IMAGES for line in _started(path)),
    )


def _name(path: Path) -> str:
    return path.relative_to(REPO_ROOT).as_posix()


def _started(dockerfile: Path) -> Iterator[CommandLine]:
    for stage in read_stages(dockerfile.read_text()):
        for instruction in stage.instructions:
            if instruction.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
                yield from of_instruction(dockerfile.name, instruction.keyword, instruction.value)
            elif (
                instruction.keyword == "RUN"
            ):  # what is no program of ours is run by test_images.py
                lines = of_instruction(dockerfile.name, "RUN", instruction.value)
                yield from (line for line in lines if line.words[0] in PROGRAMS)


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_lines_that_are_shown_are_what_the_program_takes(program: str, tmp_path: Path) -> None:
    assert _said(refusals([line for line in _shown() if line.words[0] == program], tmp_path)) == ""
    if not is_here(program):
        pytest.skip(
            f"{program} is not on this machine: only what it runs in containers was asked about"
        )


def test_lines_that_are_deployed_are_what_the_program_takes(tmp_path: Path) -> None:
    assert {line.words[0] for line in _deployed()} >= _DEPLOYED
    assert _said(refusals(_deployed(), tmp_path)) == ""


def test_enough_lines_are_found() -> None:
    assert {line.words[0] for line in _shown()} >= {
        "docker",
        "helm",
        "kubectl",
        "make",
        "pyflyte",
        "python",
        "vllm",
    }
    assert {line.place for line in _shown()} >= {
        *_DOCUMENTS,
        *(f"NOTES, {name}" for name in VALUES),
    }


@pytest.mark.parametrize("name", ["shown", "deployed"])
def test_an_option_that_nobody_knows_is_noticed_in_every_line(name: str, tmp_path: Path) -> None:
    lines = {"shown": _shown, "deployed": _deployed}[name]()
    altered = {
        CommandLine(line.place, (*line.words, "--no-such-option"))
        for line in lines
        if is_here(line.words[0])
        and line.words[:2] != ("python", "-c")
        and "--help" not in line.words
    }
    assert (
        sorted(str(line) for line in altered - refusals(sorted(altered, key=str), tmp_path).keys())
        == []
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("pyflyte --version", "No such option '--version'"),
        ("pyflyte registre workflows", "No such command 'registre'"),
        ("pyflyte run workflows/retrain.py retrain --videoz DIR", "No such option '--videoz'"),
        ("pyflyte run workflows/retrian.py retrain --videos DIR", "does not exist"),
        ("pyflyte run remote-launchplan retrain_manual --rate 3", "No such option '--rate'"),
        ("pyflyte run workflows/preview.py preview --limit many", "'many' is not a valid int"),
        ("mlflow server --alowed-hosts=x", "No such option '--alowed-hosts"),
        ("vllm serve /model --max-model-length=5", "unrecognized arguments: --max-model-length=5"),
        ("python -m tasks.preflight --data-rot s3://bucket", "unrecognized arguments: --data-rot"),
        ("python -m tasks.preflight.nowhere --all", "there is no module tasks.preflight.nowhere"),
        ("python -m tasks.core.errors --all", "tasks.core.errors has no parser"),
        ("python -m pytest tests/unit/test_loss.py::test_nothing", "test_nothing"),
        ("make demo VIDEO=DIR", "the Makefile reads no VIDEO"),
        ("make dmeo", "No rule to make target 'dmeo'"),
        ("make preflight ARGS=--al", "unrecognized arguments: --al"),
        ("helm install videossr charts/videossr --vales x.yaml", "unrecognized arguments: --vales"),
        ("helm install videossr charts/videosr", "there is no chart charts/videosr"),
        ("uv pip install --requires-hashes numpy", "unexpected argument '--requires-hashes'"),
        ("ls --al", "nobody here knows the program 'ls'"),
    ],
)
def test_a_wrong_line_is_refused_with_the_programs_own_words(
    line: str, reason: str, tmp_path: Path
) -> None:
    (text,) = refusals([CommandLine("here", tuple(line.split()))], tmp_path).values()
    assert reason in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("kubectl get pods --al", "unknown flag: --al"),
        ("kubectl gett pods", 'unknown command "gett"'),
        ("docker build --fille x .", "unknown flag: --fille"),
        (
            "docker run --rm registry.example/videossr-cpu:0.1.0 pyflyte --version",
            "No such option '--version'",
        ),
    ],
)
def test_a_wrong_line_for_a_server_is_refused_before_it_is_asked(
    line: str, reason: str, tmp_path: Path
) -> None:
    words = tuple(line.split())
    if not is_here(words[0]):
        pytest.skip(f"{words[0]} is not on this machine")
    (text,) = refusals([CommandLine("here", words)], tmp_path).values()
    assert reason in text


def test_continued_inner_and_commented_commands_are_found_and_placeholders_are_values() -> None:
    text = """Prose with `make quick`, `make` and `tasks/core`.
```
MLFLOW=1 .venv/bin/pyflyte run --remote \\
   --name "$(kubectl get pod NAME)" FILE | helm list > out   # a remark
1 found, make nothing of it
```
```yaml
make: of this
```
"""
    assert [(line.words, line.whole) for line in of_document("here", text)] == [
        (("kubectl", "get", "pod", "NAME"), True),
        (("pyflyte", "run", "--remote", "--name", "1", "FILE"), True),
        (("helm", "list"), True),
        (("make", "quick"), False),
    ]


def test_a_mention_may_be_incomplete_and_a_line_to_copy_may_not(tmp_path: Path) -> None:
    words = ("pyflyte", "launchplan", "--activate")
    assert refusals([CommandLine("prose", words, whole=False)], tmp_path) == {}
    assert len(refusals([CommandLine("fence", words)], tmp_path)) == 1


def _said(refused: dict[CommandLine, str]) -> str:
    return "\n\n".join(f"{line}\n{text}" for line, text in refused.items())
