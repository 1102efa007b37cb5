"""What one split of an exported data set holds; each split of a folder has a manifest of its own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.store import Store
from tasks.core.types import Split
from tasks.exchange.row import Row
from tasks.export.plan import ExportPlan


@dataclass(frozen=True, kw_only=True)
class CellCount:
    """Questions of one cell."""

    pretext: str
    kind: str
    level: float
    num_rows: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One split."""

    plan: ExportPlan
    digest: str
    """Of the rows."""
    file: str
    num_rows: int
    num_videos: int
    cells: tuple[CellCount, ...]
    left_out: dict[str, str]
    """Why a sample could not be rendered, by sample id."""


def count_cells(rows: Sequence[Row]) -> tuple[CellCount, ...]:
    """Sorted by pretext task, kind and level."""
    counts = Counter((row.pretext, row.kind, row.level or 0.0) for row in rows)
    return tuple(
        CellCount(pretext=pretext, kind=kind, level=level, num_rows=number)
        for (pretext, kind, level), number in sorted(counts.items())
    )


def write_manifest(target: Store, manifest: Manifest) -> None:
    target.write_bytes(_key(manifest.plan.split), _ADAPTER.dump_json(manifest, indent=1))


def read_manifests(target: Store) -> list[Manifest]:
    """Of all splits that lie in the folder."""
    keys = [_key(split) for split in Split]
    remedy = "delete it, or choose another folder"
    return [read_json(target, key, Manifest, remedy) for key in keys if target.exists(key)]


def refuse_mixture(target: Store, plan: ExportPlan) -> None:
    """Raises:
    InputError: another split lies in the folder in another layout, or with videos of another form.
    """
    for other in (manifest.plan for manifest in read_manifests(target)):
        if other.split != plan.split and (other.layout, other.videos) != (plan.layout, plan.videos):
            raise InputError(
                f"export: {target.path(_key(other.split))!r} is of layout {other.layout} with {other.videos}, "
                f"not {plan.layout} with {plan.videos}; choose another folder"
            )


def _key(split: str) -> str:
    return f"{split}.manifest.json"


_ADAPTER = TypeAdapter(Manifest)
