"""Does the training data show a benchmark's videos? Near duplicates are named, and can be left out.

pyflyte run workflows/check_leaks.py check_leaks --videos BENCHMARK_VIDEOS
"""

from tasks.core.types import Artifact
from tasks.ingest.task import report_leaks
from workflows.configure import configure_comparison
from workflows.ingest_videos import ingest_videos
from workflows.job import close_job, in_order, job, open_on_videos


@job
def check_leaks(
    videos: str,
    clips: str = "",
    preset: str = "videossr_8b",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
    overrides: str = "{}",
) -> Artifact:
    """Read the benchmark's videos as ingest does, without its gate, and compare them with the
    latest data set.

    `clips` names another clip manifest below the data root. What is printed at the end, given to
    the next run, leaves out the clips that were found.
    """
    config = configure_comparison(preset=preset, overrides=overrides)
    shards, opened = open_on_videos(
        name="check_leaks",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
        clips=clips,
    )
    benchmark = ingest_videos(shards=shards, job=opened)
    table: Artifact = report_leaks(benchmark=benchmark, clips=clips, job=opened)
    in_order(table, close_job(job=opened))
    return table
