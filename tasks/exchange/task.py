"""The two doors of exchange: data sets of other projects in, our samples out in their layouts."""

import time

from tasks.core.records import DataSet, ExportedSet, Job
from tasks.deployment.stage_task import stage_task


@stage_task("cpu")
def import_rows(
    job: Job, dataset: str, root: str, rewrites: list[str], split: str, limit: int = 0
) -> DataSet:
    """Read `dataset` (Parquet, JSON lines or JSON); its videos lie below `root` (empty: beside it).

    `limit` takes as many of its rows, drawn at random; 0 takes all.
    """
    from dataclasses import replace
    from pathlib import Path

    from tasks.core.errors import InputError
    from tasks.core.store import Store
    from tasks.exchange.import_rows import ImportPlan, import_rows
    from tasks.exchange.video_paths import VideoPaths, parse_rewrites
    from tasks.tracking.run import stage

    began, file = time.monotonic(), Path(dataset)
    try:
        plan = ImportPlan(
            file=file,
            videos=VideoPaths(root=Path(root or file.parent), rewrites=parse_rewrites(rewrites)),
            config=job.config.ingest,
            split=split,
            limit=limit,
            seed=job.run.seed,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    with stage(job.run, "import") as tracker:
        data = import_rows(Store(job.run.data_root), plan)
        [report] = data.reports
        tracker.log_metrics({f"import/{name}": value for name, value in report.counts.items()})
    return replace(data, reports=[replace(report, seconds=time.monotonic() - began)])


@stage_task("cpu")
def export_samples(
    data_root: str,
    samples: str,
    clips: str,
    out: str,
    layout: str,
    split: str,
    videos: str,
    prefix: str,
) -> ExportedSet:
    """Write the samples of one split, with their videos, to the folder or URI `out`.

    Without keys of `samples` and `clips`, those of the latest data set.
    """
    from tasks.core.errors import InputError
    from tasks.core.latest import find_manifests
    from tasks.core.store import Store, absolute_root
    from tasks.exchange.export_manifest import ExportPlan
    from tasks.exchange.export_samples import export_samples

    source = Store(absolute_root(data_root))
    samples, clips = find_manifests(source, samples, clips)
    try:
        plan = ExportPlan(
            samples=samples, clips=clips, layout=layout, split=split, videos=videos, prefix=prefix
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    return export_samples(source, Store(absolute_root(out)), plan)
