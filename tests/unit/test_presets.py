"""Whole configurations as code."""

from dataclasses import replace

import pytest

from tasks.core.contradictions import check_split, check_training
from tests.helpers.pyflyte import REPO_ROOT
from workflows.presets import PRESETS, preset_config, videossr_8b


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_readme_names_it(name: str) -> None:
    config = preset_config(name)
    check_training(config)
    check_split(config, trains=True)
    assert f"`{name}`" in (REPO_ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["dr_grpo", "dapo"])
def test_another_loss_leaves_data_model_and_steps_as_they_are(name: str) -> None:
    config, base = preset_config(name), videossr_8b()
    assert config.train != base.train
    assert replace(config, train=base.train) == base
    assert config.train.num_steps == base.train.num_steps
    assert config.train.prompts_per_step == base.train.prompts_per_step
