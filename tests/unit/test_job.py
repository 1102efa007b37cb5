"""The place of a training run: another one for whatever changes what it computes, the same for
whatever does not."""

from dataclasses import fields, replace
from typing import Any

import pytest

from tasks.core.config import ModelConfig, RolloutConfig, TrainConfig
from tasks.core.types import Artifact, Run
from tasks.train.job import GrpoJob

HARMLESS = {
    *("zero_stage", "offload_optimizer", "processes", "prefetch_workers", "show_every_steps"),
    *("checkpoint_every_steps", "checkpoints_kept"),
}
JOB = GrpoJob(
    run=Run(data_root="root", run_id="r", preset="demo"),
    start=Artifact("policies/a", "start"),
    samples=Artifact("samples", "samples"),
    clips=Artifact("clips", "clips"),
    model=ModelConfig(),
    rollout=RolloutConfig(),
    config=TrainConfig(),
)


OTHER = {
    "reward": "strict",
    "learning_rate_decay": "cosine",
    "loss_average": "sequence",
    "flat_groups": "resample",
}


def other(name: str) -> Any:
    value = getattr(TrainConfig(), name)
    return not value if isinstance(value, bool) else OTHER.get(name) or value + 1


@pytest.mark.parametrize("name", [field.name for field in fields(TrainConfig)])
def test_a_run_goes_on_under_other_settings_only_if_they_change_nothing_that_it_computes(
    name: str,
) -> None:
    changed = replace(TrainConfig(), **{name: other(name)})
    assert (replace(JOB, config=changed).key == JOB.key) == (name in HARMLESS)


@pytest.mark.parametrize("name", ["start", "samples", "clips"])
def test_other_inputs_are_another_run(name: str) -> None:
    assert replace(JOB, **{name: Artifact(getattr(JOB, name).key, "other")}).key != JOB.key
