"""VIUBench from any held-out videos: nine types, seeded, versioned, with a card.

pyflyte run workflows/build_viubench.py build_viubench --videos DIR
"""

from tasks.benchmarks.records import BuiltBenchmark
from tasks.evaluate.task import publish_benchmark
from tasks.perturb.task import plan_benchmark_items
from tasks.validate.task import validate_manifests
from workflows.configure import configure_benchmark
from workflows.ingest_videos import ingest_videos
from workflows.job import close_job, in_order, job, open_on_videos


@job
def build_viubench(
    videos: str,
    preset: str = "videossr_8b",
    items_per_type: int = 300,
    seed: int = 0,
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> BuiltBenchmark:
    """Ingest, plan items on all clips, check them, write the benchmark's folder."""
    config = configure_benchmark(preset=preset, items_per_type=items_per_type, seed=seed)
    shards, opened = open_on_videos(
        name="build_viubench",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    clips = ingest_videos(shards=shards, job=opened)
    planned = plan_benchmark_items(data=clips, job=opened)
    benchmark: BuiltBenchmark = publish_benchmark(
        data=validate_manifests(data=planned, job=opened), job=opened
    )
    in_order(benchmark, close_job(job=opened))
    return benchmark
