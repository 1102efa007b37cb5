"""The door of diagnose: what can a data set teach a model, and which of its labels are likely
wrong?"""

from tasks.core.records import DataSet, Diagnosis, Job
from tasks.deployment.stage_task import stage_task


@stage_task("gpu")
def diagnose_rows(data: DataSet, dataset: str, job: Job, reward: str, out: str) -> Diagnosis:
    """Sample answers to every row of `data`, imported from the file `dataset`, print and write what
    they say.

    `reward`: smooth or strict, whose spread decides whether a row teaches; `out`: a folder (empty:
    the data root).
    """
    from pathlib import Path

    import click

    from tasks.core.manifest import read_rows
    from tasks.core.reward import RewardKind
    from tasks.core.store import Store, absolute_root
    from tasks.core.types import Sample
    from tasks.diagnose.diagnose import diagnose
    from tasks.rollout.open_answerer import open_answerer
    from tasks.tracking.run import stage

    run, config = job.run, job.config
    store, folder = Store(run.data_root), absolute_root(out) if out else ""
    rows, name = read_rows(store, data.samples, Sample), config.model.base
    with (
        stage(run, "diagnose") as tracker,
        open_answerer(name, config.model, config.rollout, rows, config.seed) as answerer,
    ):
        diagnosis, table = diagnose(
            store, Path(dataset), data, answerer, config, RewardKind(reward), folder, tracker
        )
    click.echo(table)
    click.echo(f"{'rows that teach':20}{diagnosis.num_teaching}: {diagnosis.teaching}")
    click.echo(f"{'report':20}{diagnosis.report}")
    return diagnosis
