"""A published data set -> clips and samples of a data root, for training and evaluation.

pyflyte run workflows/import_dataset.py import_dataset --dataset train.parquet --root FOLDER
With `--rewrites '["/old=new"]'` paths of videos that begin with /old begin with new.
"""

from tasks.core.records import DataSet
from tasks.exchange.task import import_rows
from workflows.configure import configure
from workflows.job import close_job, in_order, job, open_job


@job
def import_dataset(
    dataset: str,
    root: str = "",
    rewrites: list[str] = [],  # noqa: B006 (Flyte reads the default, nobody changes it)
    split: str = "train",
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> DataSet:
    """`root`: folder of the videos (empty: beside the file); `split`: train, heldout, viubench, or
    keep (the rows')."""
    config = configure(preset=preset, overrides=overrides)
    opened = open_job(
        name="import",
        given={"dataset": dataset, "root": root, "split": split},
        config=config,
        preset=preset,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={"rewrites": rewrites},
    )
    data: DataSet = import_rows(
        job=opened, dataset=dataset, root=root, rewrites=rewrites, split=split
    )
    in_order(data, close_job(job=opened))
    return data
