"""The paper's ablation: what strict rewards, single pretext tasks and missing calibration cost, in
one table.

pyflyte run workflows/ablation.py ablation --preset demo --videos DIR
All variants start from the same policy, train for the same number of steps and are scored on the
same items.
"""

from dataclasses import replace

from tasks.benchmarks.records import Questions
from tasks.core.measurement import NO_PLAN
from tasks.core.records import Candidate, Job, VideoShard
from tasks.core.score_config import PromoteConfig
from tasks.core.training import NO_BASE
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_dynamic
from tasks.evaluate.task import list_benchmarks, name_variants, tabulate_variants
from tasks.train.task import warm_start_policy
from workflows.build_dataset import make_dataset, plan_samples
from workflows.configure import configure
from workflows.evaluate_policies import evaluate_policies
from workflows.job import close_job, in_order, job, open_on_videos
from workflows.train_rounds import train_round
from workflows.variants import variant_config

NAMES = [
    "full",
    "strict reward",
    "uncalibrated",
    "paper levels",
    "only grounding",
    "only counting",
    "only jigsaw",
]


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
    shards, opened = open_on_videos(
        name="ablation",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={"variants": variants},
    )
    questions = list_benchmarks(variants=variants, job=opened)
    table: Artifact = train_variants(
        shards=shards, questions=questions, job=opened, variants=variants
    )
    in_order(table, close_job(job=opened))
    return table


@stage_dynamic("light")
def train_variants(
    shards: list[VideoShard], questions: Questions, job: Job, variants: list[str]
) -> Artifact:
    """One round of calibrate and train for each variant, side by side; all are asked the same
    benchmarks."""
    # Attributes of a promise are taken anew at every use: flytekit resolves one promise's
    # attribute only once.
    jobs = {name: replace(job, config=variant_config(job.config, name)) for name in variants}
    planned = make_dataset(shards=shards, job=job)
    start = warm_start_policy(data=planned.data, job=job)
    rounds = [
        train_round(
            data=plan_samples(data=planned.data, plan=NO_PLAN, job=variant),
            policy=start.policy,
            plan=NO_PLAN,
            job=variant,
            # All variants log to one run, where two points with one step would be two of one curve.
            first_step=number * variant.config.train.num_steps,
        )
        for number, variant in enumerate(jobs.values())
    ]
    candidates: list[Candidate] = name_variants(
        before=start.policy, names=list(jobs), trainings=[found.trained for found in rounds]
    )
    evaluated = evaluate_policies(
        candidates=candidates,
        base=NO_BASE,
        questions=questions,
        selections=[found.selection for found in rounds],
        data=planned.data,
        job=_undecided(job),
    )
    table: Artifact = tabulate_variants(
        evaluated=evaluated,
        names=list(jobs),
        selections=[found.selection for found in rounds],
        trainings=[found.trained for found in rounds],
        job=job,
    )
    return table


def _undecided(job: Job) -> Job:
    """It registers no model whose nights are to be compared, so it makes no anchor of its VIUBench
    (which every variant is asked anyway), and no rule may name one; its policies answer for
    themselves."""
    evaluate = replace(job.config.evaluate, anchor="", answerers={})
    # Without must_see, which would demand blind answers even where nobody wants them.
    promote = PromoteConfig(must_see=False)
    return replace(job, config=replace(job.config, evaluate=evaluate, promote=promote))
