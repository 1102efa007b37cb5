"""What programs say against command lines, asked without running anything.

Python's programs parse and stop (`tests.helpers.parse_only`), pytest collects, make prints its
recipe, whose commands are asked in turn; kubectl and docker get no server to speak to; uv and pip
read their options before they help. Helm is not on every machine: its options are written down
here.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tests.helpers.command_lines import PROGRAMS, CommandLine, of_script
from tests.helpers.pyflyte import REPO_ROOT, isolated_env
from tests.helpers.vllm_name import name_vllm
from tests.helpers.warm import process as warm

Words = tuple[str, ...]
PYTHON = frozenset(("mlflow", "pyflyte", "python", "vllm"))
_OF_A_SERVER = frozenset(("docker", "kubectl"))
"""Programs that a machine may not have: without one, only what it would run in a container is asked
about."""
_NO_SERVER = "127.0.0.1:9"
"""Nobody listens there (the discard service)."""
_BOX = re.compile("[─│╭╮╰╯]")
"""What rich draws around messages."""
_ONE_FILE = "tests/unit/test_loss.py"
_INCOMPLETE = re.compile(r"Missing |are required|[Rr]equires |no name was specified")
_IMAGE = re.compile(r".*videossr-(?:cpu|gpu)[:@].*")


def refusals(lines: Sequence[CommandLine], folder: Path) -> dict[CommandLine, str]:
    """What is wrong with which line; `folder` is for what the programs write.

    A mention in prose may lack what the program needs; what it has must be known.
    """
    said = _refused({line.words for line in lines}, folder)
    return {
        line: said[line.words]
        for line in lines
        if line.words in said and (line.whole or not _is_incomplete(said[line.words]))
    }


def is_here(program: str) -> bool:
    """Whether this machine has the program, if it is one that needs a server."""
    return program not in _OF_A_SERVER or shutil.which(program) is not None


def _is_incomplete(text: str) -> bool:
    return bool(_INCOMPLETE.search(text)) or ("Usage:" in text and "Error" not in text)


def _refused(lines: Collection[Words], folder: Path) -> dict[Words, str]:
    python = sorted(words for words in lines if words and words[0] in PYTHON)
    others = {
        words: _SAYS.get(words[0], _unknown)(words, folder) if words else "no command"
        for words in lines
    }
    said = others | _python(python, folder)
    return {words: " ".join(_BOX.sub(" ", text).split()) for words, text in said.items() if text}


def _python(lines: Sequence[Words], folder: Path) -> dict[Words, str | None]:
    """All of them in one process, but those of pytest, which would run its tests, and vLLM's."""
    tests = [words for words in lines if words[:3] == ("python", "-m", "pytest")]
    served = [words for words in lines if words[0] == "vllm"]
    others = [words for words in lines if words not in tests and words not in served]
    said: dict[Words, str | None] = {words: _pytest(words[3:], folder) for words in tests}
    for family, group in (("flyte", others), ("vllm", served)):
        if group:
            said |= dict(
                zip(group, _parse([_local(words) for words in group], folder, family), strict=True)
            )
    return said


def _parse(lines: Sequence[Sequence[str]], folder: Path, family: str) -> list[str | None]:
    asked, answered = folder / "lines.json", folder / "answers.json"
    asked.write_text(json.dumps(lines))
    env = isolated_env(folder)
    env["PYTHONPATH"] += f":{name_vllm(folder / 'names')}"
    done = warm.run(
        ["python", "-m", "tests.helpers.parse_only", str(asked), str(answered)],
        cwd=REPO_ROOT,
        env=env,
        family=family,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers: list[str | None] = json.loads(answered.read_text())
    return answers


def _local(words: Words) -> Words:
    """A launch plan that Flyte would be asked for is taken from the file that registers it."""
    if "remote-launchplan" not in words:
        return words
    where = words.index("remote-launchplan")
    plan, *rest = words[where + 1 :] or [""]
    return (*words[:where], "workflows/launch_plans.py", plan.partition(":")[0], *rest)


def _pytest(arguments: Words, folder: Path) -> str:
    """Collects the tests that are named; where none is, those of one file."""
    named = any(argument.startswith("tests") for argument in arguments)
    only = ["--collect-only", "-q", "-p", "no:cacheprovider", *([] if named else [_ONE_FILE])]
    # The process has imported what pytest would have liked to rewrite.
    command = [
        "python",
        "-m",
        "pytest",
        *arguments,
        *only,
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    done = warm.run(command, cwd=REPO_ROOT, env=isolated_env(folder))
    return done.stdout[-2000:] + done.stderr[-2000:] if done.returncode else ""


def _make(words: Words, folder: Path) -> str:
    """An unknown target or variable, or what is wrong with a command of the recipe."""
    known = (REPO_ROOT / "Makefile").read_text()
    for word in words[1:]:
        name = word.partition("=")[0]
        if "=" in word and not word.startswith("-") and not re.search(rf"\b{name}\b", known):
            return f"the Makefile reads no {name}"
    done = _run(["make", "--dry-run", *words[1:]])
    if done.returncode:
        return done.stderr
    recipe = {
        command.words for command in of_script("", done.stdout) if command.words[0] in PROGRAMS
    }
    return "\n".join(
        f"{shlex.join(command)}\n{text}" for command, text in _refused(recipe, folder).items()
    )


def _kubectl(words: Words, folder: Path) -> str:
    config = folder / "kubeconfig"
    cluster = {"name": "none", "cluster": {"server": f"http://{_NO_SERVER}"}}
    context = {"name": "none", "context": {"cluster": "none", "user": ""}}
    config.write_text(
        json.dumps({"clusters": [cluster], "contexts": [context], "current-context": "none"})
    )
    outer = words[: words.index("--")] if "--" in words else words
    return _without_server(outer, {"KUBECONFIG": str(config)}) or _inner(
        words[len(outer) + 1 :], folder
    )


def _docker(words: Words, folder: Path) -> str:
    image = next((place for place, word in enumerate(words) if _IMAGE.fullmatch(word)), len(words))
    outer = words[: image + 1] if words[1:2] == ("run",) else words
    return _without_server(outer, {"DOCKER_HOST": f"tcp://{_NO_SERVER}"}) or _inner(
        words[len(outer) :], folder
    )


def _inner(words: Words, folder: Path) -> str:
    """What a container is told to run."""
    return "\n".join(_refused([words], folder).values()) if words else ""


def _without_server(words: Words, env: dict[str, str]) -> str:
    """A line that gets as far as the server is right; so is one that gets as far as what a person
    writes or pipes."""
    if not is_here(words[0]):
        return ""
    done = _run(words, env)
    reached = re.search(
        r"was refused|connection refused|Cannot connect to the Docker daemon", done.stderr
    )
    reached = reached or re.search(
        r"no objects passed to|error reading [\w.-]+: no such file", done.stderr
    )
    return "" if done.returncode == 0 or reached else done.stderr


def _installer(words: Words, _: Path) -> str:
    """Options that uv or pip does not know are told before the help that is asked for."""
    done = _run([str(Path(sys.executable).with_name(words[0])), *words[1:], "--help"])
    return done.stderr if done.returncode else ""


def _run(
    words: Sequence[str], env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory() as home:
        given = {**isolated_env(Path(home)), **(env or {})}
        return subprocess.run(
            words,
            cwd=REPO_ROOT,
            env=given,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _unknown(words: Words, _: Path) -> str:
    return "" if words[0] in PYTHON else f"nobody here knows the program {words[0]!r}"


class _Refusing(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)


_HELM_COMMON = ["--namespace -n", "--kube-context", "--kubeconfig"]
_HELM_RELEASE = [
    "--values -f",
    "--set",
    "--set-string",
    "--set-json",
    "--set-file",
    "--version",
    "--description",
]
_HELM_WAIT = ["--timeout", "--wait!", "--no-hooks!", "--dry-run!"]
_HELM_CHANGE = [
    *_HELM_RELEASE,
    *_HELM_WAIT,
    "--wait-for-jobs!",
    "--atomic!",
    "--create-namespace!",
    "--skip-crds!",
]
_HELM: dict[str, tuple[list[str], list[str]]] = {
    "install": (["release", "chart"], [*_HELM_CHANGE, "--replace!"]),
    "upgrade": (
        ["release", "chart"],
        [
            *_HELM_CHANGE,
            "--install! -i",
            "--reuse-values!",
            "--reset-values!",
            "--reset-then-reuse-values!",
        ],
    ),
    "rollback": (["release", "?revision"], [*_HELM_WAIT, "--cleanup-on-fail!"]),
    "uninstall": (
        ["release"],
        [*_HELM_WAIT[:2], "--no-hooks!", "--dry-run!", "--keep-history!", "--ignore-not-found!"],
    ),
    "template": (
        ["release", "chart"],
        [*_HELM_CHANGE, "--kube-version", "--show-only -s", "--validate!"],
    ),
    "lint": (["chart"], [*_HELM_RELEASE[:5], "--strict!", "--kube-version"]),
    "status": (["release"], ["--output -o", "--revision"]),
    "history": (["release"], ["--output -o", "--max"]),
    "list": ([], ["--all! -a", "--all-namespaces! -A", "--output -o"]),
    "get": (["what", "release"], ["--output -o", "--revision", "--all! -a"]),
}
"""Arguments and options (`!`: a switch), the common ones of what `helm COMMAND --help` lists in
Helm 3.19."""


def _helm(words: Words, _: Path) -> str:
    command, *arguments = words[1:] or ("",)
    if command not in _HELM:
        return f"Helm has no command {command!r} (tests/helpers/programs.py lists them)"
    names, options = _HELM[command]
    parser = _Refusing(add_help=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(name.strip("?"), nargs="?" if name.startswith("?") else None)
    for option in [*_HELM_COMMON, *options]:
        is_switch = "!" in option
        parser.add_argument(
            *option.replace("!", "").split(), action="store_true" if is_switch else "append"
        )
    try:
        given = parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        return str(error)
    chart = getattr(given, "chart", "")
    return (
        f"there is no chart {chart}"
        if chart and not (REPO_ROOT / chart / "Chart.yaml").exists()
        else ""
    )


_SAYS: dict[str, Callable[[Words, Path], str]] = {
    "docker": _docker,
    "helm": _helm,
    "kubectl": _kubectl,
    "make": _make,
    "pip": _installer,
    "uv": _installer,
}
