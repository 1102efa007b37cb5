"""Door of ingest: raw videos -> clips."""

from tasks.core.config import IngestConfig
from tasks.core.records import DataSet, IngestedShard, Job, VideoShard
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_task


@stage_task("light")
def list_videos(videos: str, config: IngestConfig) -> list[VideoShard]:
    """What `videos` names (a folder, a glob, a list file, a URI), in shards."""
    from tasks.ingest.listing import list_shards

    return list_shards(videos, config)


@stage_task("light")
def has_new_videos(shards: list[VideoShard], config: IngestConfig, data_root: str) -> bool:
    """Whether enough of the listed videos are new or changed since this data root's last run."""
    import click

    from tasks.core.store import Store, absolute_root
    from tasks.ingest.arrivals import find_arrivals

    arrivals = find_arrivals(Store(absolute_root(data_root)), shards, config)
    click.echo(f"new videos          {arrivals.line(config)}")
    return arrivals.start(config)


@stage_task("cpu")
def ingest_shard(shard: VideoShard, job: Job) -> IngestedShard:
    """Accept or reject every file of one shard."""
    from tasks.core.store import Store
    from tasks.ingest.shard import ingest_videos
    from tasks.tracking.run import stage

    with stage(job.run, "ingest"):
        return ingest_videos(Store(job.run.data_root), shard, job.config.ingest)


@stage_task("light")
def merge_clips(shards: list[IngestedShard | None], listed: list[VideoShard], job: Job) -> DataSet:
    """One clip manifest out of all shards; the videos of a shard that failed are listed as such."""
    from tasks.core.store import Store
    from tasks.ingest.merge import merge_shards
    from tasks.tracking.run import stage

    with stage(job.run, "ingest") as tracker:
        data = merge_shards(Store(job.run.data_root), shards, listed, job.config.ingest)
        [report] = data.reports
        tracker.log_metrics({f"ingest/{name}": value for name, value in report.counts.items()})
        tracker.log_dataset("clips", data.clips, "ingest")
    return data


@stage_task("light")
def report_leaks(benchmark: DataSet, clips: str, job: Job) -> Artifact:
    """Compare the latest data set, or the manifest `clips`, with a benchmark's."""
    import click

    from tasks.core.latest import find_clips
    from tasks.core.store import Store
    from tasks.ingest.duplicates import find_leaks, leak_lines
    from tasks.tracking.run import stage

    store = Store(job.run.data_root)
    with stage(job.run, "report_leaks") as tracker:
        leaks, table = find_leaks(
            store, find_clips(store, clips), benchmark.clips, job.config.ingest
        )
        tracker.log_metrics({"leaks/clips": float(len(leaks))})
        tracker.log_bytes("leaks.parquet", store.read_bytes(table.key))
    for line in leak_lines(
        leaks,
        num_videos=benchmark.clips.num_rows,
        num_unknown=benchmark.rejected.num_rows,
        avoid=benchmark.clips.key,
    ):
        click.echo(line)
    return table
