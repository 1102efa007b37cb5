"""The door of validate: both manifests in, the same out if every check holds; a bad one stops the
run."""

import time

from tasks.core.records import DataSet, Job
from tasks.core.types import StageReport
from tasks.deployment.stage_task import stage_task


@stage_task("cpu", enable_deck=True, deck_fields=())
def validate_manifests(data: DataSet, job: Job) -> DataSet:
    """Check the manifests and the frames of drawn samples; findings are written before the run is
    stopped.

    What passes is the latest data set of the data root, and shown in the deck.
    """
    import click
    from flytekit import Deck

    from tasks.core.latest import LatestDataset, point_to_latest
    from tasks.core.reuse import work_key
    from tasks.core.store import Store
    from tasks.tracking.run import stage
    from tasks.validate.check import find_or_check, stop_if_bad
    from tasks.validate.samples_page import samples_page

    began = time.monotonic()
    run, config = job.run, job.config.validate
    store, clips, rejected, samples = Store(run.data_root), data.clips, data.rejected, data.samples
    inputs = (clips.digest, rejected.digest, samples.digest, config, run.seed)
    key = f"{work_key('validated', 'validate', *inputs)}/findings.json"
    with stage(run, "validate") as tracker:
        findings, counts = find_or_check(store, key, clips, rejected, samples, config, run.seed)
        # Before the run may be stopped, or its record would have no counts.
        tracker.log_metrics({f"validate/{name}": value for name, value in counts.items()})
        stop_if_bad(findings)
        page = samples_page(store, clips, rejected, samples, run.seed)
        # A local run leaves its deck in a temporary folder, so the page goes to the run's record
        # too.
        tracker.log_bytes("samples.html", page.encode())
    Deck("samples", page)
    # Only after every check: preview and export take what this points to without looking.
    point_to_latest(store, LatestDataset(clips=clips, samples=samples, run_id=run.run_id))
    click.echo(f"samples             {samples.num_rows} in {store.path(samples.key)}")
    return data.after(
        StageReport(stage="validate", seconds=time.monotonic() - began, counts=counts)
    )
