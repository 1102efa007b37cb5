"""Where a model comes from: the digests, configuration and package versions that would make it
again."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.core.config import RetrainConfig
from tasks.core.digest import digest_of
from tasks.core.scores import AFTER, BEFORE
from tasks.core.types import Artifact, Run
from tasks.promote.evidence import Inputs
from tasks.tracking.tracker import RegisteredModel

_PACKAGES = (
    "videossr",
    "torch",
    "transformers",
    "tokenizers",
    "deepspeed",
    "vllm",
    "av",
    "numpy",
    "pillow",
)


def lineage(
    run: Run, config: RetrainConfig, inputs: Inputs, champion: RegisteredModel | None
) -> dict[str, str]:
    """Flat names and texts, fit for tags; `champion` is the one before this run."""
    policies = {scores.name: scores.policy.digest for scores in inputs.scores}
    (challenger,) = (scores for scores in inputs.scores if scores.name == AFTER)
    artifacts = {name: value for name, value in vars(inputs).items() if isinstance(value, Artifact)}
    for number, (selection, training) in enumerate(
        zip(inputs.selections, inputs.trainings, strict=True), 1
    ):
        suffix = f".round{number}" if len(inputs.trainings) > 1 else ""
        artifacts |= {
            f"selected{suffix}": selection.samples,
            f"measurements{suffix}": selection.measurements,
            f"difficulty_plan{suffix}": selection.plan.cells,
            f"record{suffix}": training.record,
        }
    return {
        "run_id": run.run_id,
        "preset": run.preset,
        "seed": str(run.seed),
        **{f"digest.{name}": artifact.digest for name, artifact in artifacts.items()},
        **{
            f"digest.questions.{name}": score.questions
            for name, score in challenger.benchmarks.items()
        },
        "digest.start_policy": policies[BEFORE],
        "digest.policy": policies[AFTER],
        "digest.config": digest_of(config),
        "code": code_version(),
        **_registered(),
        "parent_model": config.model.base,
        "champion_before": champion.version if champion else "none",
        **{f"package.{name}": number for name, number in _package_versions()},
        "config": json.dumps(asdict(config), sort_keys=True),
    }


def _registered() -> dict[str, str]:
    """On a cluster: the image, which only the deployment knows (`pods.env`), and the version that
    Flyte has."""
    names = {"image": "VIDEOSSR_IMAGE", "registered_version": "FLYTE_INTERNAL_TASK_VERSION"}
    return {
        name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)
    }


def code_version() -> str:
    """The commit that this code was checked out from, with "-dirty" if it was changed since; else
    where it is not."""
    git = shutil.which("git")
    if git is None:
        return "no git"
    described = subprocess.run(
        # All tags are excluded, because one would be named in the place of the commit.
        [git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return described.stdout.strip() or "no git checkout"


def _package_versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:  # e.g. vllm, which is an extra
            continue
