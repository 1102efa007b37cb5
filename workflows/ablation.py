"""The paper's ablation: what strict rewards, single pretext tasks and missing calibration cost, in one table.

pyflyte run workflows/ablation.py ablation --preset demo --videos DIR
All variants start from the same policy, train for the same number of steps and are scored on the same items.
"""

from functools import partial

from flytekit import map_task

from tasks.core.config import RetrainConfig
from tasks.core.measurement import NO_PLAN
from tasks.core.types import Artifact, Run
from tasks.deployment.stage_task import stage_dynamic
from tasks.evaluate.outputs import Candidate
from tasks.evaluate.task import evaluate_candidate, name_variants, tabulate_variants
from tasks.ingest.outputs import VideoShard
from tasks.train.task import warm_start_policy
from workflows.build_dataset import make_dataset, plan_samples
from workflows.configure import configure
from workflows.job import close_job, in_order, job, open_on_videos
from workflows.train_rounds import train_round
from workflows.variants import variant_config

NAMES = ["full", "strict reward", "uncalibrated", "paper levels", "only grounding", "only counting", "only jigsaw"]


@job
def ablation(
    videos: str,
    preset: str = "demo",
    overrides: str = "{}",
    variants: list[str] = NAMES,
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Artifact:
    """Train and score every variant; prints the table and keeps it as Markdown."""
    config = configure(preset=preset, overrides=overrides)
    shards, run = open_on_videos(
        job="ablation",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={"variants": variants},
    )
    table: Artifact = train_variants(shards=shards, run=run, config=config, variants=variants)
    in_order(table, close_job(run=run))
    return table


@stage_dynamic("light")
def train_variants(shards: list[VideoShard], run: Run, config: RetrainConfig, variants: list[str]) -> Artifact:
    """One round of calibrate and train for each variant, side by side."""
    # Attributes of a promise are taken anew at every use: flytekit resolves one promise's attribute only once.
    changed = {name: variant_config(config, name) for name in variants}
    data = make_dataset(shards=shards, run=run, config=config)
    start = warm_start_policy(
        samples=data.validated.samples,
        clips=data.validated.clips,
        run=run,
        model=config.model,
        config=config.warm_start,
    )
    rounds = []
    for number, variant in enumerate(changed.values()):
        planned = plan_samples(
            clips=data.validated.clips, rejected=data.clip_set.rejected, plan=NO_PLAN, run=run, config=variant
        )
        rounds.append(
            train_round(
                samples=planned.validated.samples,
                clips=data.validated.clips,
                policy=start.policy,
                plan=NO_PLAN,
                run=run,
                config=variant,
                first_step=number * variant.train.num_steps,
            )
        )
    candidates: list[Candidate] = name_variants(
        before=start.policy, names=list(changed), trainings=[found.trained for found in rounds]
    )
    evaluated = map_task(
        partial(
            evaluate_candidate,
            samples=data.validated.samples,
            clips=data.validated.clips,
            run=run,
            model=config.model,
            rollout=config.rollout,
            config=config.evaluate,
        )
    )(candidate=candidates)
    table: Artifact = tabulate_variants(
        evaluated=evaluated,
        names=list(changed),
        selections=[found.selection for found in rounds],
        trainings=[found.trained for found in rounds],
        run=run,
    )
    return table
