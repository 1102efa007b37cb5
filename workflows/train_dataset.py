"""GRPO on a published data set, without videos of one's own: import, (warm start,) calibrate, train.

pyflyte run workflows/train_dataset.py train_dataset --dataset train.parquet --root FOLDER
The trained policy is a folder in Hugging Face layout; nothing is promoted.
"""

from functools import partial

from flytekit import map_task, workflow

from tasks.adopt.task import adopt_dataset
from tasks.calibrate.task import measure_shard, select_samples, shard_samples
from tasks.train.outputs import Trained
from tasks.train.task import train_policy, warm_start_policy
from workflows.configure import configure, open_import


@workflow
def train_dataset(
    dataset: str,
    root: str = "",
    rewrites: list[str] = [],  # noqa: B006 (Flyte reads the default, nobody changes it)
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Trained:
    """Arguments as for `import_dataset` and `retrain`."""
    config = configure(preset=preset, overrides=overrides)
    run = open_import(config=config, preset=preset, dataset=dataset, data_root=data_root, tracking_uri=tracking_uri)
    data = adopt_dataset(run=run, dataset=dataset, root=root, rewrites=rewrites, split="train", config=config)
    start = warm_start_policy(
        samples=data.samples, clips=data.clips, run=run, model=config.model, config=config.warm_start
    )
    pools = shard_samples(samples=data.samples, run=run, config=config.calibrate)
    measured = map_task(
        partial(
            measure_shard,
            clips=data.clips,
            policy=start.policy,
            run=run,
            model=config.model,
            rollout=config.rollout,
            config=config.calibrate,
        )
    )(shard=pools)
    selection = select_samples(shards=measured, run=run, config=config.calibrate)
    trained: Trained = train_policy(
        policy=start.policy,
        samples=selection.samples,
        clips=data.clips,
        run=run,
        model=config.model,
        rollout=config.rollout,
        config=config.train,
    )
    return trained
