"""The two doors of exchange: data sets of other projects in, our samples out in their layouts."""

import time

from tasks.core.config import RetrainConfig
from tasks.core.types import Run
from tasks.deployment.stage_task import stage_task
from tasks.exchange.outputs import ExportedSet, ImportedSet


@stage_task("cpu")
def import_rows(
    run: Run, dataset: str, root: str, rewrites: list[str], split: str, config: RetrainConfig, limit: int = 0
) -> ImportedSet:
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
            config=config.ingest,
            split=split,
            limit=limit,
            seed=run.seed,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    with stage(run, "import") as tracker:
        imported = import_rows(Store(run.data_root), plan)
        tracker.log_metrics({f"import/{name}": value for name, value in imported.report.counts.items()})
    return replace(imported, report=replace(imported.report, seconds=time.monotonic() - began))


@stage_task("cpu")
def export_samples(
    data_root: str, samples: str, clips: str, out: str, layout: str, split: str, videos: str, prefix: str
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
        plan = ExportPlan(samples=samples, clips=clips, layout=layout, split=split, videos=videos, prefix=prefix)
    except ValueError as error:
        raise InputError(str(error)) from error
    return export_samples(source, Store(absolute_root(out)), plan)
