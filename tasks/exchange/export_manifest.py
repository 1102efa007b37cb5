"""What to export, and what an exported folder says of itself: manifests and a README."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from tasks.core.checks import check, one_of
from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.store import Store
from tasks.core.types import Split
from tasks.exchange.layouts import LAYOUTS
from tasks.exchange.row import Row

_LOADER = {".parquet": "parquet", ".jsonl": "json"}
_ABOUT_VIDEOS = {
    "mp4": "The videos were compressed (nearly without loss) after they were altered. Frames "
    "stand at an even rate; their exact times are in `extra_info.timestamps_seconds`.",
    "frames": "Every frame is a PNG picture, exactly as rendered. Their times are in "
    "`extra_info.timestamps_seconds`.",
}


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """What to export, and how."""

    samples: str
    """Key of a manifest of samples."""
    clips: str
    """Key of the manifest of their clips."""
    layout: str
    """A key of `tasks.exchange.layouts.LAYOUTS`."""
    split: str = Split.TRAIN.value
    videos: str = "mp4"
    """`mp4`, or `frames` for one PNG picture a frame."""
    prefix: str = ""
    """Put before every path in the rows; empty keeps them relative to the data set's folder."""

    def __post_init__(self) -> None:
        check(self, one_of(*LAYOUTS), "layout")
        check(self, one_of(*Split), "split")
        check(self, one_of(*_ABOUT_VIDEOS), "videos")


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
                f"export: {target.path(_key(other.split))!r} is of layout {other.layout} with "
                f"{other.videos}, not {plan.layout} with {plan.videos}; choose another folder"
            )


def write_manifest(target: Store, manifest: Manifest) -> None:
    """That of one split, and the README of all that lie there now."""
    target.write_bytes(_key(manifest.plan.split), _ADAPTER.dump_json(manifest, indent=1))
    target.write_bytes("README.md", _card(read_manifests(target)).encode())


def _card(splits: Sequence[Manifest]) -> str:
    """With the front matter that Hugging Face `datasets` reads; all `splits` have one layout."""
    plan = splits[0].plan
    suffix = splits[0].file.removeprefix(plan.split)
    files = "\n".join(f"  - split: {split.plan.split}\n    path: {split.file}" for split in splits)
    named = ", ".join(f'"{split.plan.split}": "{split.file}"' for split in splits)
    table = "\n".join(
        f"| {split.plan.split} | {cell.pretext} | {cell.kind} | {cell.level:g} | {cell.num_rows} |"
        for split in splits
        for cell in split.cells
    )
    left_out = "\n".join(
        f"{len(split.left_out)} samples of {split.plan.split} were left out because they could "
        f"not be rendered (`{split.plan.split}.manifest.json` says which and why)."
        for split in splits
    )
    num_rows, about_videos = sum(split.num_rows for split in splits), _ABOUT_VIDEOS[plan.videos]
    return f"""---
configs:
- config_name: default
  data_files:
{files}
---
# Questions about altered videos, layout {plan.layout}

{num_rows} questions whose answers are known because the videos were altered by code (videossr).
{about_videos}

    datasets.load_dataset("{_LOADER[suffix]}", data_files={{{named}}})

Paths are relative to this folder unless a prefix was asked for. The answer is in
`reward_model.ground_truth` or `solution`. `extra_info` holds pretext task, kind and level of each
question: show them to nobody who answers. Rights to the videos stay with their owners.

| split | pretext task | kind | level | questions |
|---|---|---|---|---|
{table}

{left_out}
"""


def _key(split: str) -> str:
    return f"{split}.manifest.json"


_ADAPTER = TypeAdapter(Manifest)
