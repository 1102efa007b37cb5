"""VIUBench from any held-out videos: nine types, seeded, versioned, with a card.

pyflyte run workflows/build_viubench.py build_viubench --videos DIR
"""

from flytekit import workflow

from tasks.evaluate.outputs import Benchmark
from tasks.evaluate.task import publish_benchmark
from tasks.perturb.task import plan_benchmark_items
from tasks.validate.task import validate_manifests
from workflows.configure import configure_benchmark
from workflows.ingest_videos import ingest_videos
from workflows.open_videos import open_videos


@workflow
def build_viubench(
    videos: str,
    preset: str = "videossr_8b",
    items_per_type: int = 300,
    seed: int = 0,
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Benchmark:
    """Ingest, plan items on all clips, prove answers, write the benchmark's folder."""
    config = configure_benchmark(preset=preset, items_per_type=items_per_type, seed=seed)
    opened = open_videos(
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
        job="build_viubench",
    )
    clip_set = ingest_videos(shards=opened.shards, run=opened.run, config=config.ingest)
    plan = plan_benchmark_items(clips=clip_set.clips, rejected=clip_set.rejected, run=opened.run, config=config.perturb)
    validated = validate_manifests(
        run=opened.run, clips=plan.clips, rejected=clip_set.rejected, samples=plan.samples, config=config.validate
    )
    benchmark: Benchmark = publish_benchmark(
        samples=validated.samples, clips=validated.clips, run=opened.run, config=config.perturb
    )
    return benchmark
