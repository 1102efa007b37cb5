"""The main job: raw videos in, a trained, evaluated and perhaps promoted model out.

pyflyte run workflows/retrain.py retrain --preset demo --videos DIR
"""

from tasks.core.records import Promotion
from tasks.evaluate.task import list_benchmarks, list_candidates
from tasks.promote.task import promote
from tasks.train.task import warm_start_policy
from workflows.build_dataset import make_dataset
from workflows.configure import configure
from workflows.evaluate_policies import evaluate_policies
from workflows.job import close_job, in_order, job, open_on_videos
from workflows.train_rounds import train_rounds


@job
def retrain(
    videos: str,
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Promotion:
    """Ingest, perturb, validate, (warm start,) rounds of calibrate and train, evaluate, promote."""
    config = configure(preset=preset, overrides=overrides)
    shards, opened = open_on_videos(
        name="retrain",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    questions = list_benchmarks(variants=[], job=opened)
    planned = make_dataset(shards=shards, job=opened)
    # A benchmark that cannot be asked is found out before anything is spent.
    in_order(questions, planned)
    start = warm_start_policy(data=planned.data, job=opened)
    rounds = train_rounds(data=planned.data, policy=start.policy, plan=planned.plan, job=opened)
    candidates = list_candidates(before=start.policy, trainings=rounds.trainings, job=opened)
    evaluated = evaluate_policies(
        candidates=candidates,
        base=start.base,
        questions=questions,
        selections=rounds.selections,
        data=planned.data,
        job=opened,
    )
    promotion: Promotion = promote(
        data=planned.data,
        start=start.report,
        selections=rounds.selections,
        trainings=rounds.trainings,
        evaluated=evaluated,
        job=opened,
    )
    # All that could be read, accepted or not: what was rejected is no arrival either.
    in_order(promotion, close_job(job=opened, trained_on=planned.data.contents.key))
    return promotion
