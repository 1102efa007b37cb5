"""The door of adopt: a data set of another project -> clips and samples."""

import time

from tasks.adopt.outputs import AdoptedSet
from tasks.core.job import Job
from tasks.deployment.stage_task import stage_task


@stage_task("cpu")
def adopt_dataset(job: Job, dataset: str, root: str, rewrites: list[str], split: str, limit: int = 0) -> AdoptedSet:
    """Read `dataset` (Parquet, JSON lines or JSON), whose videos lie below `root` (empty: beside the file).

    `limit` takes as many of its rows, drawn at random; 0 takes all.
    """
    from dataclasses import replace
    from pathlib import Path

    from tasks.adopt.adopt import AdoptPlan, adopt
    from tasks.adopt.paths import Whereabouts, parse_rewrites
    from tasks.core.errors import InputError
    from tasks.core.store import Store
    from tasks.tracking.run import stage

    began = time.monotonic()
    try:
        whereabouts = Whereabouts(root=Path(root or Path(dataset).parent), rewrites=parse_rewrites(rewrites))
        plan = AdoptPlan(
            file=Path(dataset),
            whereabouts=whereabouts,
            config=job.config.ingest,
            split=split,
            limit=limit,
            seed=job.run.seed,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    with stage(job.run, "adopt") as tracker:
        adopted = adopt(Store(job.run.data_root), plan)
        [report] = adopted.data.reports
        tracker.log_metrics({f"adopt/{name}": value for name, value in report.counts.items()})
    timed = replace(report, seconds=time.monotonic() - began)
    return replace(adopted, data=replace(adopted.data, reports=[timed]))
