"""What can any RLVR data set teach a model, and which of its labels are likely wrong?

pyflyte run workflows/diagnose.py diagnose --dataset rows.jsonl --root VIDEOS \
    --model Qwen/Qwen3-VL-8B-Instruct
"""

from tasks.core.records import Diagnosis
from tasks.diagnose.task import diagnose_rows
from tasks.exchange.task import import_rows
from workflows.configure import configure_diagnosis
from workflows.job import close_job, in_order, job, open_job


@job
def diagnose(
    dataset: str,
    model: str = "",
    rollouts: int = 8,
    root: str = "",
    rewrites: list[str] = [],  # noqa: B006 (Flyte reads the default, nobody changes it)
    limit: int = 0,
    reward: str = "smooth",
    out: str = "",
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Diagnosis:
    """Import the rows, let the model answer each `rollouts` times, judge them, write the rows that
    teach.

    `model`: tiny, label-prior (draws from the data set's own labels), a folder in Hugging Face
    layout or a hub name (empty: the preset's); `limit`: rows drawn at random (0: all); `reward`:
    smooth or strict; `out`: folder of the results (empty: below the data root).
    """
    config = configure_diagnosis(
        preset=preset, overrides=overrides, model=model, rollouts=rollouts, reward=reward
    )
    opened = open_job(
        name="diagnose",
        given={"dataset": dataset, "root": root, "reward": reward, "out": out},
        config=config,
        preset=preset,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={"rewrites": rewrites},
        limit=limit,
    )
    data = import_rows(
        job=opened, dataset=dataset, root=root, rewrites=rewrites, split="train", limit=limit
    )
    diagnosis: Diagnosis = diagnose_rows(
        data=data, dataset=dataset, job=opened, reward=reward, out=out
    )
    in_order(diagnosis, close_job(job=opened))
    return diagnosis
