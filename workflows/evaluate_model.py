"""One model on published benchmarks: official files in, scores beside the paper's out.

pyflyte run workflows/evaluate_model.py evaluate_model --model Qwen/Qwen3-VL-8B-Instruct \
    --benchmarks '{"videomme": "/data/Video-MME", "charades_sta": "/data/Charades-STA"}' --controls
"""

import warnings
from functools import partial

from flytekit import map_task

from tasks.core.records import BenchmarkTable, DataSet
from tasks.evaluate.task import (
    answer_shard,
    ask_blind,
    ask_model,
    list_controls,
    list_questions,
    open_suite,
    score_unseen,
    tabulate_benchmarks,
)
from workflows.configure import configure
from workflows.job import close_job, in_order, job, open_job

# flytekit names a switch twice (`--controls/--no_controls` and `--controls/--no-controls`), which
# click warns of whatever the command.
warnings.filterwarnings("ignore", "The parameter --controls is used more than once")


@job
def evaluate_model(
    model: str,
    benchmarks: str,
    preset: str = "videossr_8b",
    conditions: str = "{}",
    limit: int = 0,
    data_root: str = "./.videossr",
    tracking_uri: str = "",
    overrides: str = "{}",
    controls: bool = False,
) -> BenchmarkTable:
    """List the questions, answer them shard by shard, score and print.

    `model` is `random`, `label-prior`, `scripted:FILE`, `tiny`, a folder in Hugging Face layout, a
    hub name, or the address of an OpenAI-compatible server with the model's name,
    `http://host:port/v1#name`. `benchmarks` is a JSON object from names to folders, or a folder
    that holds one folder for each; folders may be URIs (s3://bucket/Video-MME).
    `conditions` changes the paper's: JSON, or a file of it, for all benchmarks or under a
    benchmark's name for that one. `limit` takes so many questions of each benchmark, drawn by the
    seed of the configuration. `controls` says how far the questions can be answered without
    looking: chance, the best constant answer, and the same model without its pictures
    (`evaluate.blind`). The same command goes on after any interruption: what was answered is
    not asked again.
    """
    config = configure(preset=preset, overrides=overrides)
    folders = open_suite(benchmarks=benchmarks, conditions=conditions, model=model, limit=limit)
    opened = open_job(
        name="evaluate_model",
        given={"model": model, "benchmarks": benchmarks, "conditions": conditions},
        config=config,
        preset=preset,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists={},
        limit=limit,
        controls=controls,
    )
    # A folder or condition that is wrong is refused before there is a run.
    in_order(folders, opened)
    questions = list_questions(folders=folders, job=opened)
    asked = ask_model(name=model, questions=questions, job=opened, controls=controls)
    answer = partial(answer_shard, questions=questions, job=opened)
    trials = list_controls(candidates=[], asked=asked, questions=questions, job=opened)
    blind = partial(ask_blind, questions=questions, data=DataSet(), job=opened)
    table: BenchmarkTable = tabulate_benchmarks(
        answered=map_task(answer)(asked=asked),
        unseen=score_unseen(data=DataSet(), questions=questions, job=opened, is_wanted=controls),
        blind=map_task(blind)(trial=trials),
        questions=questions,
        name=model,
        job=opened,
    )
    in_order(table, close_job(job=opened))
    return table
