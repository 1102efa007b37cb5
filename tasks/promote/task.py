"""Door of the promote stage: the challenger against the champion, the registry, the report, the
closing table."""

from flytekit import Deck

from tasks.core.measurement import Selection
from tasks.core.records import DataSet, Job, Promotion
from tasks.core.scores import Evaluated
from tasks.core.training import TrainedPolicy
from tasks.core.types import Run, StageReport
from tasks.deployment.stage_task import stage_task


@stage_task("cpu", enable_deck=True, deck_fields=())
def promote(
    data: DataSet,
    start: StageReport,
    selections: list[Selection],
    trainings: list[TrainedPolicy],
    evaluated: Evaluated,
    job: Job,
) -> Promotion:
    """Register the challenger, make it champion if it is better, and report the run.

    `start` is the report of the warm start; `selections` and `trainings` are those of the rounds.
    """
    import click

    from tasks.core.store import Store
    from tasks.promote.evidence import Inputs
    from tasks.promote.promote import promote_challenger
    from tasks.tracking.run import open_registry, stage

    run = job.run
    inputs = Inputs(
        clips=data.clips,
        rejected=data.rejected,
        samples=data.samples,
        selections=selections,
        trainings=trainings,
        scores=[one.scores for one in evaluated.models],
        reports=[
            *data.reports,
            start,
            *(part.report for pair in zip(selections, trainings, strict=True) for part in pair),
            *(one.report for one in evaluated.models),
            *evaluated.reports,
        ],
        base=evaluated.base,
        anchor=evaluated.anchor,
        controls=evaluated.controls,
    )
    with stage(run, "promote") as tracker:
        promotion, table = promote_challenger(
            Store(run.data_root), run, job.config, inputs, open_registry(run), tracker
        )
    Deck("report", Store(run.data_root).read_bytes(promotion.report_key).decode())
    click.echo(table)
    return promotion


@stage_task("light")
def leave_champion() -> Promotion:
    """The end of a run that had nothing new to learn from."""
    return Promotion(
        promoted=False, reason="nothing new", version="", report_key="", summary_key=""
    )


@stage_task("light")
def move_champion(model_name: str, version: str, data_root: str, tracking_uri: str) -> str:
    """Make an earlier (or later) version champion again."""
    import click

    from tasks.core.store import Store, absolute_root
    from tasks.promote import rollback
    from tasks.tracking.address import log_in
    from tasks.tracking.run import open_registry

    root = absolute_root(data_root)
    run = Run(data_root=root, run_id="", preset="", tracking_uri=log_in(tracking_uri))
    line = rollback.move_champion(Store(root), open_registry(run), model_name, version)
    click.echo(line)
    return line


@stage_task("light")
def compare_versions(
    model_name: str, first: str, second: str, data_root: str, tracking_uri: str
) -> str:
    """Two versions side by side, as a text that `pyflyte run` prints."""
    from tasks.core.store import Store, absolute_root
    from tasks.promote.compare import champion_of, compare
    from tasks.tracking.address import log_in

    root = absolute_root(data_root)
    run = Run(data_root=root, run_id="", preset="", tracking_uri=log_in(tracking_uri))
    return compare(Store(root), model_name, first, second, lambda: champion_of(run, model_name))
