"""The door of export: samples -> a data set in another project's layout."""

from tasks.deployment.stage_task import stage_task
from tasks.export.outputs import ExportedSet


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
    from tasks.export.export import export_samples
    from tasks.export.plan import ExportPlan

    source = Store(absolute_root(data_root))
    samples, clips = find_manifests(source, samples, clips)
    try:
        plan = ExportPlan(samples=samples, clips=clips, layout=layout, split=split, videos=videos, prefix=prefix)
    except ValueError as error:
        raise InputError(str(error)) from error
    return export_samples(source, Store(absolute_root(out)), plan)
