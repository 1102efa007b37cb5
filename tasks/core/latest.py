"""The data set that was checked last in a data root: a small pointer, so that people need no
keys."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.manifest import read_artifact, read_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip

LATEST_KEY = "latest_dataset.json"
_REMEDY = "delete it and build the data set again, or give the keys of its manifests"


@dataclass(frozen=True, kw_only=True)
class LatestDataset:
    """Manifests that passed their checks."""

    clips: Artifact
    samples: Artifact
    run_id: str


def point_to_latest(store: Store, latest: LatestDataset) -> None:
    """From now on `latest` is the one."""
    store.write_bytes(LATEST_KEY, TypeAdapter(LatestDataset).dump_json(latest, indent=1))


def find_manifests(store: Store, samples: str, clips: str) -> tuple[str, str]:
    """The keys of a manifest of samples and of its clips: those given, or both of the latest data
    set.

    Raises:
        InputError: only one is given, there is no such manifest, or none was checked here yet.
    """
    if bool(samples) != bool(clips):
        raise InputError(
            "samples and clips belong together: give both keys, or neither for the latest data set"
        )
    if samples:
        missing = [key for key in (samples, clips) if not store.exists(key)]
        if missing:
            where = store.path(missing[0])
            raise InputError(
                f"no manifest {where!r}; give a key below the data root, or none for the latest "
                "data set"
            )
        return samples, clips
    latest = _read_latest(store)
    return _checked(store, latest.samples), _checked(store, latest.clips)


def find_clips(store: Store, clips: str) -> str:
    """The key of a manifest of clips: the given one, or that of the latest data set.

    Raises:
        InputError: there is no such manifest, or none was checked here yet.
    """
    if clips and not store.exists(clips):
        raise InputError(
            f"no manifest {store.path(clips)!r}; give a key below the data root, or none for the "
            "latest"
        )
    if clips:
        return clips
    return _checked(store, _read_latest(store).clips)


def latest_clips(store: Store) -> list[Clip]:
    """The clips of the latest data set; none if none was checked here yet."""
    return read_rows(store, _read_latest(store).clips, Clip) if store.exists(LATEST_KEY) else []


def _checked(store: Store, manifest: Artifact) -> str:
    """Its key, if it still is what was checked."""
    try:
        read_artifact(store, manifest)
    except (InputError, ValueError, OSError) as error:
        # Without the advice behind the semicolon: here `_REMEDY` is what helps.
        problem = str(error).partition("; ")[0]
        raise InputError(
            f"{store.path(LATEST_KEY)} names what is not there as it was: {problem}; {_REMEDY}"
        ) from error
    return manifest.key


def _read_latest(store: Store) -> LatestDataset:
    if not store.exists(LATEST_KEY):
        raise InputError(
            f"no data set was checked yet: there is no {store.path(LATEST_KEY)!r}; build one "
            "first, or give the keys of its manifests"
        )
    return read_json(store, LATEST_KEY, LatestDataset, _REMEDY)
