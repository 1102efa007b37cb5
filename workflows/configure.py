"""The first tasks of every workflow: read the configuration, open the MLflow run; and the last of some: close it."""

from flytekit.types.error import FlyteError

from tasks.core.config import RetrainConfig
from tasks.core.types import Artifact, Run
from tasks.deployment.stage_task import stage_task
from tasks.evaluate.outputs import BenchmarkFolder
from tasks.ingest.outputs import VideoShard


@stage_task("light")
def configure(preset: str, overrides: str) -> RetrainConfig:
    """The preset with the user's overrides (a JSON object); wrong keys and values are refused."""
    from tasks.core.overrides import apply_overrides, read_overrides
    from workflows.presets import preset_config

    return apply_overrides(preset_config(preset), read_overrides(overrides))


@stage_task("light")
def configure_benchmark(preset: str, seed: int, items_per_type: int = 300) -> RetrainConfig:
    """The preset for videos that are held out as a whole."""
    from dataclasses import replace

    from workflows.presets import preset_config

    base = preset_config(preset)
    return replace(
        base,
        seed=seed,
        ingest=replace(base.ingest, min_train_clips=0, min_heldout_clips=0),
        perturb=replace(base.perturb, viubench_items_per_type=items_per_type),
        validate=replace(base.validate, needs_training_split=False),
    )


@stage_task("light")
def configure_comparison(preset: str, overrides: str) -> RetrainConfig:
    """The preset with overrides, for videos that are only compared: nothing is too dull, and frames are small."""
    from tasks.core.overrides import apply_overrides, read_overrides
    from workflows.presets import preset_config

    ingest = {
        "min_train_clips": 0,
        "min_heldout_clips": 0,
        "min_seconds": 0.0,
        "min_motion": 0.0,
        "min_distinct_share": 0.0,
        "max_blank_share": 1.0,
        "min_area_px": 32 * 32,
        "max_area_px": 64 * 64,
        "near_duplicates": "keep",
    }
    changed = apply_overrides(preset_config(preset), {"ingest": ingest})
    return apply_overrides(changed, read_overrides(overrides))


@stage_task("light")
def configure_diagnosis(preset: str, overrides: str, model: str, rollouts: int, reward: str) -> RetrainConfig:
    """The preset with overrides, for one policy and so many rollouts a row."""
    from tasks.core.errors import InputError
    from tasks.core.overrides import apply_overrides, read_overrides
    from tasks.policy.named import check_named
    from workflows.presets import preset_config

    if reward not in ("smooth", "strict"):
        raise InputError(f"reward: got {reward!r}, expected smooth or strict")
    check_named(model)
    changed = apply_overrides(preset_config(preset), read_overrides(overrides))
    named = {"model": {"base": model}} if model else {}
    return apply_overrides(changed, named | {"rollout": {"rollouts_per_prompt": rollouts}})


@stage_task("light")
def open_run(
    config: RetrainConfig,
    preset: str,
    videos: str,
    data_root: str,
    tracking_uri: str,
    shards: list[VideoShard],
    job: str = "retrain",
) -> Run:
    """Open the MLflow run of these inputs: an unfinished one goes on, else a new one starts.

    It takes the listed videos only to come after their check: nothing is written for inputs that cannot be used.
    """
    num_files = sum(len(shard.names) for shard in shards)
    return _open(f"{job}-{preset}", config, preset, data_root, tracking_uri, videos=videos, num_files=num_files)


@stage_task("light")
def open_import(
    config: RetrainConfig, preset: str, dataset: str, data_root: str, tracking_uri: str, job: str = "import"
) -> Run:
    """Open the MLflow run of an import, or of a job that begins with one.

    Raises:
        InputError: there is no such file.
    """
    from pathlib import Path

    from tasks.core.errors import InputError

    if not Path(dataset).is_file():
        raise InputError(f"dataset: no file {dataset!r}; give a .parquet, .jsonl or .json file")
    return _open(job, config, preset, data_root, tracking_uri, dataset=dataset)


@stage_task("light")
def close_run(run: Run, samples: Artifact) -> None:
    """Close the MLflow run and say where the samples are; the last task of its workflow."""
    import click

    from tasks.core.store import Store
    from tasks.tracking.run import finish_run

    finish_run(run)
    click.echo(f"samples             {samples.num_rows} in {Store(run.data_root).path(samples.key)}")


@stage_task("light")
def fail_retrain(
    videos: str, preset: str, overrides: str, data_root: str, tracking_uri: str, err: FlyteError | None = None
) -> None:
    """What a failed retrain ends with: a stage that was killed could not say so itself."""
    _fail("retrain", videos, preset, overrides, data_root, tracking_uri, err)


@stage_task("light")
def fail_build_dataset(
    videos: str, preset: str, overrides: str, data_root: str, tracking_uri: str, err: FlyteError | None = None
) -> None:
    """The same for build_dataset."""
    _fail("build_dataset", videos, preset, overrides, data_root, tracking_uri, err)


def _fail(
    job: str, videos: str, preset: str, overrides: str, data_root: str, tracking_uri: str, err: FlyteError | None
) -> None:
    from tasks.core.errors import InputError
    from tasks.core.overrides import apply_overrides, read_overrides
    from tasks.core.store import absolute_root
    from tasks.tracking.run import fail_run
    from workflows.presets import preset_config

    try:
        config = apply_overrides(preset_config(preset), read_overrides(overrides))
    except InputError:
        return  # what failed is the configuration: there is no run
    fail_run(
        absolute_root(data_root),
        experiment=f"{job}-{preset}",
        run_key=_run_key(config, preset, videos=videos),
        tracking_uri=tracking_uri,
        stage=err.failed_node_id if err else "unknown",
        error=err.message if err else "a stage failed",
    )


def _run_key(config: RetrainConfig, preset: str, **places: str) -> str:
    from tasks.core.digest import digest_of
    from tasks.core.store import absolute_root

    return digest_of(config, preset, {name: absolute_root(place) for name, place in places.items()})


def _open(
    experiment: str, config: RetrainConfig, preset: str, data_root: str, tracking_uri: str, **inputs: str | int
) -> Run:
    from dataclasses import asdict

    from tasks.core.store import absolute_root
    from tasks.tracking.run import start_run

    root = absolute_root(data_root)
    places = {name: value for name, value in inputs.items() if isinstance(value, str)}
    run_id = start_run(
        root,
        experiment=experiment,
        run_key=_run_key(config, preset, **places),
        params=asdict(config) | {"preset": preset} | inputs,
        tracking_uri=tracking_uri,
    )
    return Run(data_root=root, run_id=run_id, preset=preset, seed=config.seed, tracking_uri=tracking_uri)


@stage_task("light")
def open_model_run(
    config: RetrainConfig,
    preset: str,
    model: str,
    folders: list[BenchmarkFolder],
    limit: int,
    data_root: str,
    tracking_uri: str,
) -> Run:
    """Open the MLflow run of one model on published benchmarks; each benchmark becomes a run below it."""
    from dataclasses import asdict

    from tasks.core.digest import digest_of
    from tasks.core.store import absolute_root
    from tasks.tracking.run import start_run

    root = absolute_root(data_root)
    parts = {name: asdict(part) for name, part in (("model", config.model), ("rollout", config.rollout))}
    asked = {folder.name: folder.folder for folder in folders}
    run_id = start_run(
        root,
        experiment="evaluate_model",
        run_key=digest_of(config, preset, model, limit, *folders),
        params=parts | {"preset": preset, "seed": config.seed, "policy": model, "limit": limit, "benchmarks": asked},
        tracking_uri=tracking_uri,
        name=model,
    )
    return Run(data_root=root, run_id=run_id, preset=preset, seed=config.seed, tracking_uri=tracking_uri)
