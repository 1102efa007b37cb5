"""GRPO on a published data set, without videos of one's own: import, (warm start,) calibrate,
train.

pyflyte run workflows/train_dataset.py train_dataset --dataset train.parquet --root FOLDER
The trained policy is a folder in Hugging Face layout; nothing is promoted.
"""

from tasks.core.measurement import NO_PLAN
from tasks.core.training import TrainedPolicy
from tasks.exchange.task import import_rows
from tasks.train.task import warm_start_policy
from workflows.configure import configure
from workflows.job import close_job, in_order, job, open_job
from workflows.outputs import TrainedRound
from workflows.train_rounds import train_round


@job
def train_dataset(
    dataset: str,
    root: str = "",
    rewrites: list[str] = [],  # noqa: B006 (Flyte reads the default, nobody changes it)
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> TrainedPolicy:
    """Arguments as for `import_dataset` and `retrain`."""
    config = configure(preset=preset, overrides=overrides)
    opened = open_job(
        name="train_dataset",
        given={"dataset": dataset, "root": root},
        config=config,
        preset=preset,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={"rewrites": rewrites},
    )
    data = import_rows(job=opened, dataset=dataset, root=root, rewrites=rewrites, split="train")
    start = warm_start_policy(data=data, job=opened)
    # No plan: imported samples are what they are, and none are made to follow one.
    trained: TrainedRound = train_round(data=data, policy=start.policy, plan=NO_PLAN, job=opened)
    in_order(trained.trained, close_job(job=opened))
    return trained.trained
