"""A Dockerfile whose steps are run one after the other, without a container engine: this machine,
with the interpreter of the tests, stands in for the base image.

What differs from a build: packages are linked to uv's cache and not copied, or borrowed from the
environment of the tests, and bytecode is made when it is needed, in a folder of its own.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path

from tests.helpers.dockerfile import Instruction, Stage, read_stages
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.root import Process, Root

IMAGES = sorted((REPO_ROOT / "images").glob("*.Dockerfile"))
_OFFLINE = (
    "error sending request",
    "dns error",
    "Failed to fetch",
    "Could not connect",
    "network connectivity",
    "NewConnectionError",
    "Temporary failure resolving",
)
_PYTHON = Path(sys.executable).resolve()
_PATH = f"/usr/local/bin:{_PYTHON.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
_QUICK = {"UV_LINK_MODE": "symlink", "UV_COMPILE_BYTECODE": "0", "PIP_BREAK_SYSTEM_PACKAGES": "1"}
_BYTECODE = "/var/cache/bytecode"
_KEPT_BYTECODE = {"PYTHONPYCACHEPREFIX": _BYTECODE, "PYTHONDONTWRITEBYTECODE": ""}
_BORROWED = "/mnt/packages"
_OF_THE_NETWORK = re.compile(
    r"(?i).*proxy|.*_CERT.*|.*CA_BUNDLE|PIP_(?:CERT|INDEX_URL|TRUSTED_HOST)|UV_(?:DEFAULT_)?INDEX.*"
)


def is_offline(said: str) -> bool:
    """Whether a program failed because the package index cannot be reached."""
    return any(word in said for word in _OFFLINE)


class StepError(Exception):
    """A step failed; the message has what it said."""


@dataclass
class Image:
    """What a stage has become, and how its containers start."""

    root: Root
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    folder: str = "/"
    user: str = ""
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    caches: dict[str, Path] = field(default_factory=dict)
    """Folders of this machine that the steps were given, by where they are seen."""

    def run(
        self, words: list[str], *, folder: str = "", home: str = "", scratch: Sequence[str] = ()
    ) -> "subprocess.CompletedProcess[str]":
        """As the image's user, where it starts (or in `folder`), without a network; with `scratch`
        (folders that are empty and anybody's, Kubernetes' emptyDir) nothing else can be written
        to."""
        bytecode = (
            {} if _BORROWED in self.caches else _KEPT_BYTECODE
        )  # what is borrowed has its own
        env = {**self.env, "HOME": home or self._home(), **bytecode}
        mounts = {**self.caches, _BYTECODE: self.root.path(_BYTECODE)}
        return self.root.run(
            words, Process(env, folder or self.folder, self.user, mounts, scratch, is_alone=True)
        )

    def _home(self) -> str:
        """As a container engine finds it."""
        people = (line.split(":") for line in self.root.path("etc/passwd").read_text().splitlines())
        return next(
            home for _, _, number, _, _, home, _ in people if number == self.user.partition(":")[0]
        )


def replay(dockerfile: Path, folder: Path, borrow: str = "") -> Image:
    """Run every step of a Dockerfile in `folder`; the last stage is the image. A step that has
    `borrow` in it installs nothing: there will be the packages of the environment of the tests.

    Raises:
        StepError: a step failed.
    """
    images: dict[str, Image] = {}
    for stage in read_stages(dockerfile.read_text()):
        images[stage.name] = _build(stage, images, folder / stage.name, borrow)
    return images[stage.name]


def _build(stage: Stage, images: dict[str, Image], folder: Path, borrow: str) -> Image:
    image = Image(_base(folder))
    for before in images.values():
        image.caches |= before.caches
    for instruction in stage.instructions:
        if instruction.keyword == "RUN" and borrow and borrow in instruction.value:
            _borrow(image, instruction)
        elif instruction.keyword == "RUN":
            _run(image, instruction)
        elif instruction.keyword == "COPY":
            _copy(image, instruction, images)
        else:
            _set(image, instruction)
    return image


def _set(image: Image, instruction: Instruction) -> None:
    """What later steps and containers find."""
    value = instruction.value
    match instruction.keyword:
        case "ENV":
            image.env |= {name: _expand(text, image.env) for name, text in _pairs(value)}
        case "LABEL":
            image.labels |= _pairs(value)
        case "WORKDIR":
            image.folder = value
            _step(replace(image, user="", folder="/"), ["mkdir", "-p", value])
        case "USER":
            image.user = value
        case "CMD":
            image.command = json.loads(value)
        case "HEALTHCHECK":
            image.health = json.loads(value.partition("CMD ")[2])


def _base(folder: Path) -> Root:
    """This machine with `python` and `pip`, which any user may run."""
    root = Root(folder)
    root.path(_BYTECODE).mkdir(parents=True)
    root.path(_BYTECODE).chmod(0o777)
    programs = root.path("usr/local/bin")
    programs.mkdir(parents=True)
    for name, arguments in {"python": "", "pip": " -m pip"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(_PYTHON))}{arguments} "$@"\n')
        program.chmod(0o755)
    closed = [str(parent) for parent in _PYTHON.parents if not parent.stat().st_mode & 0o001]
    if closed:
        done = root.run(["chmod", "a+x", *closed], Process({"PATH": _PATH}))
        assert done.returncode == 0, done.stderr
    return root


def _run(image: Image, instruction: Instruction) -> None:
    mount = dict(
        part.split("=", 1) for part in instruction.flags.get("mount", "").split(",") if part
    )
    if mount:
        assert mount["type"] == "cache", mount
        image.caches[mount["target"]] = _cache()
    _step(image, ["/bin/sh", "-c", instruction.value])


def _step(image: Image, words: list[str]) -> None:
    network = {name: value for name, value in os.environ.items() if _OF_THE_NETWORK.fullmatch(name)}
    env = {"HOME": "/root", **network, **image.env, **_QUICK}
    done = image.root.run(words, Process(env, image.folder, image.user, image.caches))
    if done.returncode:
        raise StepError(f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def _cache() -> Path:
    uv = Path(sys.executable).with_name("uv")
    return Path(
        subprocess.run(
            [uv, "cache", "dir"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )


def _borrow(image: Image, instruction: Instruction) -> None:
    """Packages and programs of the environment that runs the tests, in the one that the step
    names."""
    (environment,) = re.findall(r"--python (\S+)/bin/python", instruction.value)
    image.caches[_BORROWED] = Path(sysconfig.get_path("purelib")).resolve()
    (packages,) = image.root.path(environment).glob("lib/python3.*/site-packages")
    (packages / "borrowed.pth").write_text(f"{_BORROWED}\n")
    for entry in entry_points(group="console_scripts"):
        script = image.root.path(f"{environment}/bin/{entry.name}")
        lines = (
            f"#!{environment}/bin/python",
            f"import sys, {entry.module} as home",
            f"sys.exit(home.{entry.attr}())",
        )
        if not script.exists():
            script.write_text("\n".join(lines) + "\n")
            script.chmod(0o755)


def _copy(image: Image, instruction: Instruction, images: dict[str, Image]) -> None:
    """Folders give their content, files go into a folder; all of it belongs to root unless --chown
    says otherwise.

    From an earlier stage it is moved: nobody looks at that any more, and packages are tens of
    thousands of files.
    """
    *names, target = shlex.split(instruction.value)
    inside = os.path.normpath(os.path.join(image.folder, target))
    place = image.root.path(inside)
    stage = instruction.flags.get("from")
    for name in names:
        if stage:
            place.parent.mkdir(parents=True, exist_ok=True)
            images[stage].root.path(name).rename(place)
        elif (REPO_ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                REPO_ROOT / name, place, symlinks=True, dirs_exist_ok=True, ignore=ignored
            )
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO_ROOT / name, place)
    owner = instruction.flags.get("chown", "0:0")
    _step(
        replace(image, user="", folder="/"),
        ["chown", "--recursive", "--no-dereference", owner, inside],
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (pair.partition("=") for pair in shlex.split(text))]


def _expand(text: str, env: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: env.get(found[1], ""), text)
