"""The main job: raw videos in, a trained, evaluated and perhaps promoted model out.

pyflyte run workflows/retrain.py retrain --preset demo --videos DIR
"""

from functools import partial

from flytekit import map_task

from tasks.evaluate.task import evaluate_candidate, list_candidates
from tasks.promote.outputs import Promotion
from tasks.promote.task import promote
from tasks.train.task import warm_start_policy
from workflows.build_dataset import make_dataset
from workflows.configure import configure
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
    shards, run = open_on_videos(
        job="retrain",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    data = make_dataset(shards=shards, run=run, config=config)

    start = warm_start_policy(
        samples=data.validated.samples,
        clips=data.validated.clips,
        run=run,
        model=config.model,
        config=config.warm_start,
    )
    rounds = train_rounds(
        clips=data.validated.clips,
        rejected=data.clip_set.rejected,
        samples=data.validated.samples,
        policy=start.policy,
        plan=data.plan,
        run=run,
        config=config,
    )
    candidates = list_candidates(before=start.policy, trainings=rounds.trainings, run=run, config=config.promote)
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
    promotion: Promotion = promote(
        run=run,
        config=config,
        clips=data.validated.clips,
        rejected=data.clip_set.rejected,
        samples=data.validated.samples,
        selections=rounds.selections,
        trainings=rounds.trainings,
        evaluated=evaluated,
        reports=[data.clip_set.report, data.sample_set.report, data.validated.report, start.report],
    )
    in_order(promotion, close_job(run=run, trained_on=data.clip_set.contents.key))
    return promotion
