"""The first task of every workflow: read the configuration."""

import logging

from tasks.core.config import RetrainConfig
from tasks.deployment.stage_task import stage_task

logger = logging.getLogger(__name__)


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
        ingest=replace(base.ingest, for_training=False),
        perturb=replace(base.perturb, viubench_items_per_type=items_per_type),
        validate=replace(base.validate, needs_training_split=False),
    )


@stage_task("light")
def configure_comparison(preset: str, overrides: str) -> RetrainConfig:
    """The preset with overrides, for videos that are only compared: nothing is too dull, and frames
    are small."""
    from tasks.core.overrides import apply_overrides, read_overrides
    from workflows.presets import preset_config

    ingest = {
        "for_training": False,
        "min_seconds": 0.0,
        "min_motion": 0.0,
        "min_distinct_share": 0.0,
        "max_blank_share": 1.0,
        "min_area_px": 32 * 32,
        "max_area_px": 64 * 64,
        "near_duplicates": "keep",
    }
    # In two steps, so that what the user says counts over what the comparison presets.
    changed = apply_overrides(preset_config(preset), {"ingest": ingest})
    return apply_overrides(changed, read_overrides(overrides))


@stage_task("light")
def configure_diagnosis(
    preset: str, overrides: str, model: str, rollouts: int, reward: str
) -> RetrainConfig:
    """The preset with overrides, for one policy and so many rollouts a row."""
    from dataclasses import replace

    from tasks.core.errors import InputError
    from tasks.core.overrides import apply_overrides, read_overrides
    from tasks.core.reward import RewardKind
    from workflows.presets import preset_config

    if reward not in tuple(RewardKind):
        raise InputError(f"reward: got {reward!r}, expected {' or '.join(RewardKind)}")
    changed = apply_overrides(preset_config(preset), read_overrides(overrides))
    # After the overrides: the arguments of the workflow count over them.
    named = {"model": {"base": model}} if model else {}
    config = apply_overrides(changed, named | {"rollout": {"rollouts_per_prompt": rollouts}})
    if config.model.base != "random":
        return config
    logger.warning(
        "model: what diagnose called random is called label-prior now: it draws from the data "
        "set's labels"
    )
    return replace(config, model=replace(config.model, base="label-prior"))
