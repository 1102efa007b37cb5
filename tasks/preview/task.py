"""The door of preview: samples of a data root as pictures and short videos."""

from tasks.core.records import PreviewSet
from tasks.deployment.stage_task import stage_task


@stage_task("cpu")
def preview_samples(
    data_root: str,
    samples: str,
    clips: str,
    pretext: str,
    kind: str,
    level: float,
    split: str,
    limit: int,
    seed: int,
    out: str,
) -> PreviewSet:
    """Write a gallery to the folder `out` (empty: below the data root) and print where its page
    lies."""
    from dataclasses import asdict

    import click

    from tasks.core.digest import digest_of
    from tasks.core.errors import InputError
    from tasks.core.latest import find_manifests
    from tasks.core.manifest import iterate_rows
    from tasks.core.store import Store, absolute_root
    from tasks.core.types import Clip, Sample
    from tasks.preview.filter import SampleFilter
    from tasks.preview.gallery import write_gallery

    store = Store(absolute_root(data_root))
    keys = find_manifests(store, samples, clips)
    try:
        sample_filter = SampleFilter(
            pretext=pretext, kind=kind, level=level, split=split, limit=limit, seed=seed
        )
    except ValueError as error:
        raise InputError(f"preview: {error}") from error
    below = f"previews/{digest_of(keys, asdict(sample_filter))}/"
    target, folder = (Store(absolute_root(out)), "") if out else (store, below)
    by_id = {clip.clip_id: clip for clip in iterate_rows(store, keys[1], Clip)}
    found = write_gallery(
        store, target, folder, iterate_rows(store, keys[0], Sample), by_id, sample_filter
    )
    click.echo(
        f"samples             {found.num_samples} of {found.num_fitting} that fit, "
        f"{len(found.left_out)} left out"
    )
    click.echo(f"look at             {found.index}")
    return found
