"""Which difficulty plan a run starts from: the newest of its data root that was not made by the
same run before.

A run that is repeated with the same inputs starts from the plan it started from the first time, so
that everything it did is found again; a run with new videos, another model or another configuration
starts from the newest plan.
"""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from tasks.core.config import RetrainConfig
from tasks.core.digest import digest_of
from tasks.core.kept import read_json
from tasks.core.measurement import NO_PLAN, DifficultyPlan
from tasks.core.store import Store
from tasks.core.types import Artifact

_KEY = "calibrated/latest.json"
_WHEN_TO_START = ("min_new_videos", "quiet_seconds")
"""Fields of ingest."""
_AFTER_TRAINING = ("evaluate", "promote")
"""Sections that change no policy: with another benchmark to ask, nothing is trained anew."""


@dataclass(frozen=True, kw_only=True)
class _Pointer:
    inputs: str
    """Digest of what the run that made `plan` was given."""
    started_from: DifficultyPlan
    plan: DifficultyPlan


def run_inputs(clips: Artifact, config: RetrainConfig) -> str:
    """Digest of what a run was given: its clips and its configuration, but for what says only when
    one starts and what becomes of its policy."""
    given = {name: value for name, value in asdict(config).items() if name not in _AFTER_TRAINING}
    for name in _WHEN_TO_START:
        del given["ingest"][name]
    return digest_of("run", clips.digest, given)


def plan_to_start_from(store: Store, inputs: str) -> DifficultyPlan:
    """The plan for a run with these inputs (a digest); `NO_PLAN` if there is none yet."""
    pointer = _read(store)
    if pointer is None:
        return NO_PLAN
    return pointer.started_from if pointer.inputs == inputs else pointer.plan


def publish_plan(
    store: Store, inputs: str, started_from: DifficultyPlan, plan: DifficultyPlan
) -> None:
    """Make `plan` the one that the next run starts from."""
    pointer = _Pointer(inputs=inputs, started_from=started_from, plan=plan)
    store.write_bytes(_KEY, TypeAdapter(_Pointer).dump_json(pointer, indent=1))


def _read(store: Store) -> _Pointer | None:
    if not store.exists(_KEY):
        return None
    return read_json(
        store, _KEY, _Pointer, "delete it, and the next run starts without a difficulty plan"
    )
