"""A policy, or the random one, on a VIUBench that build_viubench made.

pyflyte run workflows/evaluate_viubench.py evaluate_viubench --benchmark benchmarks/viubench-... --policy random
"""

from flytekit import workflow

from tasks.evaluate.outputs import BenchmarkScores
from tasks.evaluate.task import open_benchmark, score_benchmark
from workflows.configure import configure_benchmark, open_benchmark_run


@workflow
def evaluate_viubench(
    benchmark: str,
    policy: str = "random",
    preset: str = "videossr_8b",
    data_root: str = "./.videossr",
    seed: int = 0,
    tracking_uri: str = "",
) -> BenchmarkScores:
    """Find and check the benchmark, answer every item, print the scores with chance beside them.

    `policy` is `random`, `tiny`, a folder in Hugging Face layout or a name on the hub.
    """
    config = configure_benchmark(preset=preset, seed=seed)
    opened = open_benchmark(benchmark=benchmark, data_root=data_root)
    run = open_benchmark_run(
        config=config, preset=preset, benchmark=opened, policy=policy, data_root=data_root, tracking_uri=tracking_uri
    )
    scores: BenchmarkScores = score_benchmark(
        benchmark=opened,
        policy=policy,
        run=run,
        model=config.model,
        rollout=config.rollout,
        config=config.evaluate,
    )
    return scores
