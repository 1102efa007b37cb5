from dataclasses import replace

import pytest

from tasks.core.config import PerturbConfig, RetrainConfig, TrainConfig
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides


def test_overrides_are_merged_over_the_preset() -> None:
    preset = RetrainConfig(train=TrainConfig(num_steps=7, zero_stage=1))
    changed = apply_overrides(preset, {"seed": 3, "train": {"num_steps": 10}})
    assert changed == replace(preset, seed=3, train=replace(preset.train, num_steps=10))


def test_list_is_taken_for_a_tuple_and_int_for_a_float() -> None:
    changed = apply_overrides(RetrainConfig(), {"perturb": {"levels": [0, 0.5, 1]}})
    assert changed.perturb.levels == (0.0, 0.5, 1.0)
    assert all(isinstance(level, float) for level in changed.perturb.levels)


def test_values_that_depend_on_each_other_change_together() -> None:
    perturb = {
        "pretexts": ["jigsaw"],
        "train_samples_per_clip": [2],
        "heldout_samples_per_clip": [1],
    }
    assert apply_overrides(
        RetrainConfig(), {"perturb": perturb}
    ).perturb.train_samples_per_clip == (2,)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"train": {"num_step": 1}},
            "config 'train.num_step': unknown key, did you mean train.num_steps? known here:",
        ),
        (
            {"trian": {}},
            "config 'trian': unknown key, did you mean train? known here: seed, rounds, ingest",
        ),
        ({"num_steps": 1}, "config 'num_steps': unknown key, did you mean train.num_steps?"),
        ({"xyz": 1}, "config 'xyz': unknown key; known here: seed, rounds, ingest"),
        (
            {"train": {"ratio_clip_low": 0.1}},
            "config train.ratio_clip_low: is fixed now, at 0.2, as in PPO, GRPO, Dr. GRPO and "
            "DAPO; leave it out",
        ),
        (
            {"train": {"max_skipped_in_a_row": 9}},
            "config train.max_skipped_in_a_row: is fixed now, at 5",
        ),
        ({1: 2}, "config '1': unknown key"),
        ({"two\nlines": 2}, r"config 'two\nlines': unknown key"),
    ],
)
def test_unknown_key_names_the_known_ones_in_one_line(
    overrides: dict[str, object], message: str
) -> None:
    _assert_refused(overrides, message)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train": {"num_steps": "10"}}, "config train.num_steps: got '10' (str), expected int"),
        ({"train": {"num_steps": True}}, "config train.num_steps: got True (bool), expected int"),
        ({"train": {"num_steps": 1.5}}, "config train.num_steps: got 1.5 (float), expected int"),
        ({"train": {"freeze_vision": 1}}, "config train.freeze_vision: got 1 (int), expected bool"),
        (
            {"train": {"learning_rate": True}},
            "config train.learning_rate: got True (bool), expected float",
        ),
        ({"model": {"base": None}}, "config model.base: got None (NoneType), expected str"),
        ({"model": {"base": ["tiny"]}}, "config model.base: got ['tiny'] (list), expected str"),
        (
            {"perturb": {"levels": 0.5}},
            "config perturb.levels: got 0.5 (float), expected a list of float",
        ),
        (
            {"perturb": {"levels": [0, "1"]}},
            "config perturb.levels[1]: got '1' (str), expected float",
        ),
        (
            {"train": 3},
            "config train: got 3 (int), expected a section with some of the keys num_steps",
        ),
        ({"train": None}, "config train: got None (NoneType), expected a section"),
    ],
)
def test_mistyped_value_is_refused_in_one_line(overrides: dict[str, object], message: str) -> None:
    _assert_refused(overrides, message)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"seed": -1}, "config seed: got -1, expected at least 0"),
        (
            {"ingest": {"heldout_share": 1.0}},
            "config ingest.heldout_share: got 1.0, expected a share above 0",
        ),
        (
            {"ingest": {"max_area_px": 9}},
            "config ingest.max_area_px: got 9, expected at least 16384 (min_area_px)",
        ),
        (
            {"ingest": {"near_duplicate_distance": 0.5}},
            "config ingest.near_duplicate_distance: got 0.5, expected a number from 0 to 0.3",
        ),
        (
            {"ingest": {"jpeg_quality": 95}},
            "config ingest.jpeg_quality: is fixed now, at 90; leave it out",
        ),
        (
            {"perturb": {"levels": [1, 0]}},
            "config perturb.levels: got (1.0, 0.0), expected at least one level, rising",
        ),
        (
            {"perturb": {"pretexts": ["jigsaw"]}},
            "config perturb.train_samples_per_clip: got (12, 6, 12), expected 1",
        ),
        (
            {"rollout": {"engine": "vlm"}},
            "config rollout.engine: got 'vlm', expected one of transformers, vllm",
        ),
        (
            {"rollout": {"temperature": 0}},
            "config rollout.temperature: got 0.0, expected a number above 0",
        ),
        (
            {"rollout": {"rollouts_per_prompt": 1}},
            "config rollout.rollouts_per_prompt: got 1, expected at least 2",
        ),
        (
            {"train": {"learning_rate": float("nan")}},
            "config train.learning_rate: got nan, expected a number above 0",
        ),
        (
            {"train": {"zero_stage": 4}},
            "config train.zero_stage: got 4, expected a number from 0 to 3",
        ),
    ],
)
def test_value_out_of_range_is_refused_in_one_line(
    overrides: dict[str, object], message: str
) -> None:
    _assert_refused(overrides, message)


def test_dataclass_refuses_a_wrong_value_too() -> None:
    with pytest.raises(
        ValueError, match="heldout_samples_per_clip: got \\(1,\\), expected 3 counts"
    ):
        PerturbConfig(heldout_samples_per_clip=(1,))


def _assert_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides(RetrainConfig(), overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
