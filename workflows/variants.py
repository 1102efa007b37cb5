"""The variants of the ablation: what each changes in the configuration, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

from tasks.core.config import PerturbConfig, RetrainConfig
from tasks.core.errors import InputError


def full(config: RetrainConfig) -> RetrainConfig:
    """Mixed pretext tasks, smooth reward, calibrated."""
    return config


def strict_reward(config: RetrainConfig) -> RetrainConfig:
    """Trained on the same samples, with a reward for exactly right answers alone."""
    return replace(config, train=replace(config.train, reward="strict"))


def uncalibrated(config: RetrainConfig) -> RetrainConfig:
    """All samples are trained on, whatever their groups are like."""
    return replace(config, calibrate=replace(config.calibrate, select_by="all"))


def paper_levels(config: RetrainConfig) -> RetrainConfig:
    """The paper's fixed difficulty, uncalibrated."""
    fixed = replace(config.perturb, levels=(0.5,))
    return replace(uncalibrated(config), perturb=fixed)


def only(pretext: str) -> Callable[[RetrainConfig], RetrainConfig]:
    """One pretext task, with as many training samples as all have together."""

    def change(config: RetrainConfig) -> RetrainConfig:
        return replace(config, perturb=_only(config.perturb, pretext))

    return change


def _only(config: PerturbConfig, pretext: str) -> PerturbConfig:
    return replace(
        config,
        pretexts=(pretext,),
        train_samples_per_clip=(sum(config.train_samples_per_clip),),
        heldout_samples_per_clip=(sum(config.heldout_samples_per_clip),),
    )


VARIANTS: dict[str, Callable[[RetrainConfig], RetrainConfig]] = {
    "full": full,
    "strict reward": strict_reward,
    "uncalibrated": uncalibrated,
    "paper levels": paper_levels,
    "only grounding": only("grounding"),
    "only counting": only("counting"),
    "only jigsaw": only("jigsaw"),
}


def variant_config(config: RetrainConfig, name: str) -> RetrainConfig:
    """`config` as the variant called `name` has it.

    Raises:
        InputError: there is none.
    """
    if name not in VARIANTS:
        raise InputError(f"unknown variant {name!r}; expected one of: {', '.join(VARIANTS)}")
    return VARIANTS[name](config)
