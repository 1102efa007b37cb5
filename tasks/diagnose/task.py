"""The door of diagnose: what can a data set teach a model, and which of its labels are likely wrong?"""

from tasks.adopt.outputs import AdoptedSet
from tasks.core.job import Job
from tasks.deployment.stage_task import stage_task
from tasks.diagnose.outputs import Diagnosis


@stage_task("gpu")
def diagnose_rows(
    imported: AdoptedSet,
    dataset: str,
    job: Job,
    reward: str,
    out: str,
) -> Diagnosis:
    """Sample answers to every imported row of `dataset`, print and write what they say.

    `reward`: smooth or strict, whose spread decides whether a row teaches; `out`: a folder (empty: the data root).
    """
    from pathlib import Path

    import click

    from tasks.core.store import Store, absolute_root
    from tasks.diagnose.diagnose import Dataset, diagnose
    from tasks.diagnose.judge import RewardKind
    from tasks.tracking.run import stage

    opened = Dataset(
        file=Path(dataset),
        samples=imported.data.samples,
        clips=imported.data.clips,
        unusable=imported.data.rejected,
        origins=imported.origins,
        counts=imported.data.reports[0].counts,
    )
    with stage(job.run, "diagnose") as tracker:
        diagnosis, table = diagnose(
            Store(job.run.data_root), opened, job.config, RewardKind(reward), absolute_root(out) if out else "", tracker
        )
    click.echo(table)
    click.echo(f"{'rows that teach':20}{diagnosis.num_teaching}: {diagnosis.teaching}")
    click.echo(f"{'report':20}{diagnosis.report}")
    return diagnosis
