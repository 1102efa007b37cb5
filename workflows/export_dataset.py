"""Samples of a data root -> a data set for verl, ms-swift or TRL.

pyflyte run workflows/export_dataset.py export_dataset --out DIR

Of the latest data set, or of the manifests that `samples` and `clips` name, e.g.
perturbed/<digest>/samples.parquet and ingest/<digest>/clips.parquet below the data root.
"""

from flytekit import workflow

from tasks.core.records import ExportedSet
from tasks.exchange.task import export_samples


@workflow
def export_dataset(
    out: str,
    samples: str = "",
    clips: str = "",
    layout: str = "verl",
    split: str = "train",
    videos: str = "mp4",
    prefix: str = "",
    data_root: str = "./.videossr",
) -> ExportedSet:
    """`layout`: verl, swift or trl; `videos`: mp4, or frames for lossless pictures."""
    exported: ExportedSet = export_samples(
        data_root=data_root,
        samples=samples,
        clips=clips,
        out=out,
        layout=layout,
        split=split,
        videos=videos,
        prefix=prefix,
    )
    return exported
