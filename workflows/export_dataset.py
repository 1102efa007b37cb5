"""Samples of a data root -> a data set for verl, ms-swift or TRL.

pyflyte run workflows/export_dataset.py export_dataset --samples KEY --clips KEY --out DIR

The keys are those of manifests below the data root, e.g. perturbed/<digest>/samples.parquet and
ingest/<digest>/clips.parquet.
"""

from flytekit import workflow

from tasks.export.outputs import ExportedSet
from tasks.export.task import export_samples


@workflow
def export_dataset(
    samples: str,
    clips: str,
    out: str,
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
