"""How every job with an MLflow run begins and ends: it is opened first and closed last, and one
handler says it failed.

A job is a workflow under `@job`. `open_job` gets what it was given: that, with the configuration,
is its key. Of two jobs with one key in a data root one works; what a failed one leaves is gone on
with by the next. On a cluster, where a schedule, arrivals and people start jobs side by side, one
that registers a model works a data root, whatever its key.
"""

import inspect
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flytekit import workflow
from flytekit.types.error import FlyteError

from tasks.core.config import RetrainConfig
from tasks.core.records import Job
from tasks.core.types import Run
from tasks.deployment.stage_task import stage_task
from tasks.ingest.task import list_videos

if TYPE_CHECKING:
    from tasks.core.lease import Lease

logger = logging.getLogger(__name__)

_PLACES = ("videos", "dataset")
"""What a job may be given that names a place: a relative path counts as the absolute one."""
_PLANS = ("retrain", "ablation", "build_dataset")
_TRAINS = ("retrain", "ablation", "train_dataset")
_OPENS_MODEL = dict.fromkeys(_TRAINS, ("tiny",)) | {"diagnose": ("tiny", "label-prior")}
"""Jobs that begin with `model.base`, and what that may be besides a model's name."""
_REGISTERS = ("retrain",)
_ASKS_BENCHMARKS = ("retrain", "ablation")


@stage_task("light")
def open_job(
    name: str,
    given: dict[str, str],
    config: RetrainConfig,
    preset: str,
    data_root: str,
    tracking_uri: str,
    lists: dict[str, list[str]],
    limit: int = 0,
    controls: bool = False,
) -> Job:
    """Check what the last stage will need, get the job's lease, and open its MLflow run.

    An unfinished run of the same job goes on, else a new one starts. `lists`, `limit` and
    `controls` belong to what was given, if they are not empty, not 0 and on.

    Raises:
        InputError: something that a later stage needs is not there, or the same job is at work.
    """
    import json
    from dataclasses import asdict, replace
    from pathlib import Path

    from tasks.core import lease
    from tasks.core.errors import InputError
    from tasks.core.store import Store, absolute_root
    from tasks.tracking.check import check_tracking
    from tasks.tracking.run import start_run

    root = absolute_root(data_root)
    given = given | ({"limit": str(limit)} if limit else {})
    given |= {"controls": "true"} if controls else {}
    given |= {
        name: json.dumps(values, ensure_ascii=False) for name, values in lists.items() if values
    }
    if "dataset" in given and not Path(given["dataset"]).is_file():
        raise InputError(
            f"dataset: no file {given['dataset']!r}; give a .parquet, .jsonl or .json file"
        )
    _check_settings(name, config, root)
    address = check_tracking(
        root, tracking_uri, config.promote.model_name if name in _REGISTERS else ""
    )
    experiment, key = _names(name, given, config, preset)
    held = _lease_name(name, experiment, key)
    mine = replace(
        _take(root, held, address),
        run_key=key,
        experiment=experiment,
        tracking_uri=address,
        run_id="",
    )
    store = Store(root)
    # Before the run exists: if this process dies in between, whoever closes abandoned jobs finds
    # the run by this experiment and key. A run id of a dead owner is another job's.
    lease.update(store, held, mine)
    store.clean_scratch()
    run_id = start_run(
        root,
        experiment=experiment,
        run_key=key,
        params=asdict(config) | {"preset": preset} | given,
        tracking_uri=address,
        name=given.get("model", ""),
    )
    lease.update(store, held, replace(mine, run_id=run_id))
    run = Run(
        data_root=root,
        run_id=run_id,
        preset=preset,
        seed=config.seed,
        tracking_uri=address,
        lease=held,
    )
    return Job(run, config)


def open_on_videos(
    *,
    name: str,
    config: Any,
    preset: str,
    videos: str,
    data_root: str,
    tracking_uri: str,
    lists: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[Any, Any]:
    """How a job on raw videos begins, inside its workflow: (their shards, the job).

    They are listed and checked first, so nothing is written for videos that cannot be listed.
    `more` and `lists` are what else the job was given.
    """
    # While a workflow is compiled the configuration and all results are promises, hence Any.
    shards = list_videos(videos=videos, config=config.ingest)
    opened = open_job(
        name=name,
        given={"videos": videos, **more},
        config=config,
        preset=preset,
        data_root=data_root,
        tracking_uri=tracking_uri,
        lists=lists or {},
    )
    in_order(shards, opened)
    return shards, opened


@stage_task("light")
def may_start(
    is_wanted: bool,
    name: str,
    given: dict[str, str],
    config: RetrainConfig,
    preset: str,
    data_root: str,
) -> bool:
    """Whether the job `name` is wanted and nobody else is at it: what a schedule starts then
    ends."""
    import click

    from tasks.core import lease
    from tasks.core.store import Store, absolute_root

    held = _lease_name(name, *_names(name, given, config, preset))
    other = lease.find_other(Store(absolute_root(data_root)), held) if is_wanted else None
    if other is None:
        return is_wanted
    click.echo(f"at work already     {other.owner.name}: nothing to do")
    return False


@stage_task("light")
def close_job(job: Job, trained_on: str = "") -> None:
    """Close the job's MLflow run and give its lease back; the last task of every job.

    `trained_on` is the key of the manifest of the contents that a retrain had: from now on they are
    no arrivals.
    """
    from tasks.core import lease
    from tasks.core.store import Store
    from tasks.ingest.contents import mark_trained
    from tasks.tracking.run import finish_run

    store = Store(job.run.data_root)
    if trained_on:
        mark_trained(store, trained_on)
    finish_run(job.run)
    # Last: whoever waits for it may begin at once, and must find all else closed.
    lease.release(store, job.run.lease)


def in_order(first: Any, then: Any) -> None:
    """Flyte starts `then` when `first` has ended well, though nothing flows between them."""
    _node(first) >> _node(then)


def _node(result: Any) -> Any:
    # All outputs of a task are promises of one node.
    return result[0] if isinstance(result, tuple) else result


def job(function: Callable[..., Any]) -> Any:
    """`@workflow` for a job: if it fails, whatever ended it is written into its MLflow run, and its
    lease given back.

    Flyte wants a failure handler to have the inputs of its workflow. So each gets one with its own
    signature, called
    `fail_` and the workflow's name, and beside it in its module, where containers look for it; all
    do the same.
    """

    def fail(*, err: FlyteError | None = None, **inputs: Any) -> None:
        _fail(inputs["data_root"], inputs["tracking_uri"], err)

    signature = inspect.signature(function)
    error = inspect.Parameter(
        "err", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=FlyteError | None
    )
    parameters = [
        value.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for value in signature.parameters.values()
    ]
    # flytekit reads types from the annotations and defaults from the signature.
    fail.__signature__ = inspect.Signature([*parameters, error], return_annotation=None)  # type: ignore[attr-defined]
    fail.__annotations__ = {
        parameter.name: parameter.annotation for parameter in (*parameters, error)
    } | {"return": None}
    fail.__name__ = fail.__qualname__ = f"fail_{function.__name__}"
    fail.__module__ = function.__module__
    fail.__doc__ = (
        f"What a failed {function.__name__} ends with: a stage that was killed could "
        "not say so itself."
    )
    handler = stage_task("light")(fail)
    setattr(sys.modules[function.__module__], fail.__name__, handler)
    return workflow(function, on_failure=handler)


def _fail(data_root: str, tracking_uri: str, error: FlyteError | None) -> None:
    from tasks.core import lease
    from tasks.core.store import absolute_root
    from tasks.deployment.executions import failed_stage, first_line
    from tasks.tracking.jobs import fail_jobs

    message = error.message if error else "a stage failed"
    try:
        # The node that Flyte names is always the failure node.
        stage = failed_stage(lease.this_owner().execution, message)
        fail_jobs(absolute_root(data_root), tracking_uri, stage=stage, error=first_line(message))
    except (
        Exception
    ) as failure:  # raised, it would take the place of the error that people have to see
        logger.warning(
            "could not mark the job's run as failed: %s: %s", type(failure).__name__, failure
        )


def _check_settings(job: str, config: RetrainConfig, root: str) -> None:
    """What stages would refuse when their turn comes, hours after the first.

    Raises:
        InputError: one of them would.
    """
    from tasks.benchmarks.questions import configured_suite
    from tasks.core.contradictions import check_installed, check_split, check_training
    from tasks.core.store import Store
    from tasks.ingest.merge import check_avoided
    from tasks.perturb.plan import check_config
    from tasks.policy.source import check_source

    if job in _PLANS:
        check_config(config.perturb)
        check_split(config, trains=job in _TRAINS)
        check_avoided(Store(root), config.ingest.avoid)
    if job in _ASKS_BENCHMARKS:
        configured_suite(config.evaluate.benchmarks, seed=config.seed)
    if job in _REGISTERS and config.evaluate.answerers:
        from tasks.core.errors import InputError
        from tasks.rollout.open_answerer import check_answerer  # which loads transformers

        for name, answerer in config.evaluate.answerers.items():
            try:
                check_answerer(answerer)
            except InputError as error:
                problem = error.message.removeprefix("model: ")
                raise InputError(f"config evaluate.answerers.{name}: {problem}") from error
    if job in _TRAINS:
        check_training(config)
    if job in _OPENS_MODEL:
        check_installed(config)
        if config.model.base not in _OPENS_MODEL[job]:
            check_source(config.model.base)


def _take(root: str, name: str, tracking_uri: str) -> "Lease":
    """The job's lease, after those of dead ones were given back: it may be one of them, with a run
    of another key.

    It is the first that is written to the data root, so it also finds out whether that can be.
    """
    from tasks.core import lease
    from tasks.core.errors import InputError
    from tasks.core.no_room import no_room_line
    from tasks.core.redact import redact
    from tasks.core.store import Store
    from tasks.deployment.stage_task import is_transient
    from tasks.tracking.jobs import end_abandoned

    try:
        end_abandoned(root, tracking_uri)
        return lease.take(Store(root), name)
    # Of whichever store it is: no such bucket, no credentials, no rights, no such scheme.
    except Exception as error:
        if isinstance(error, InputError) or is_transient(error) or no_room_line(error):
            raise
        problem = redact(f"{type(error).__name__}: {error}".splitlines()[0])
        raise InputError(
            f"data_root: {redact(root)!r} cannot be written to ({problem}); expected a folder, or "
            "a bucket and credentials that may write there"
        ) from error


def _lease_name(job: str, experiment: str, key: str) -> str:
    from tasks.core import lease

    return (
        lease.RETRAIN
        if job in _REGISTERS and lease.this_owner().execution
        else f"{experiment}-{key}"
    )


def _names(job: str, given: dict[str, str], config: RetrainConfig, preset: str) -> tuple[str, str]:
    """The experiment of a job, and the key that makes two of them the same."""
    from tasks.core.digest import digest_of
    from tasks.core.store import absolute_root

    places = {
        name: absolute_root(value) if name in _PLACES else value for name, value in given.items()
    }
    experiment = f"{job}-{preset}" if "videos" in given else job
    return experiment, digest_of(config, preset, places)
