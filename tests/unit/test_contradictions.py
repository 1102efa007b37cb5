"""Settings that are right by themselves and wrong together, or that nothing here can follow."""

import importlib.util
from collections.abc import Mapping

import pytest

from tasks.core.config import RetrainConfig
from tasks.core.contradictions import check_installed, check_split, check_training
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides
from workflows.presets import PRESETS


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({"train": {"zero_stage": 0}}, ("train.zero_stage", "model.dtype")),
        ({"model": {"dtype": "float16"}}, ("model.dtype", "float32")),
        (
            {"model": {"dtype": "float32"}, "train": {"zero_stage": 0, "offload_optimizer": True}},
            ("train.zero_stage", "train.offload_optimizer"),
        ),
        (
            {
                "train": {"processes": 8},
                "rollout": {"engine": "vllm", "vllm": {"tensor_parallel": 3}},
            },
            ("rollout.vllm.tensor_parallel", "train.processes"),
        ),
        (
            {
                "rollout": {
                    "engine": "vllm",
                    "max_answer_tokens": 512,
                    "vllm": {"max_model_tokens": 512},
                }
            },
            ("rollout.max_answer_tokens", "rollout.vllm.max_model_tokens"),
        ),
    ],
)
def test_two_settings_that_a_stage_could_not_train_with_are_named(
    overrides: Mapping[str, object], names: tuple[str, str]
) -> None:
    config = apply_overrides(RetrainConfig(), overrides)
    with pytest.raises(InputError) as refused:
        check_training(config)
    assert all(name in str(refused.value) for name in names)
    assert "\n" not in str(refused.value)


def test_settings_of_an_engine_that_is_not_used_contradict_nothing() -> None:
    unused: dict[str, object] = {"vllm": {"tensor_parallel": 3, "max_model_tokens": 1}}
    check_training(apply_overrides(RetrainConfig(), {"train": {"processes": 8}, "rollout": unused}))


def test_videos_that_are_all_held_out_can_be_checked_but_not_trained_on() -> None:
    all_held_out = {"ingest": {"for_training": False}, "validate": {"needs_training_split": False}}
    config = apply_overrides(RetrainConfig(), all_held_out)
    check_split(config, trains=False)
    with pytest.raises(InputError, match=r"ingest\.for_training"):
        check_split(config, trains=True)
    with pytest.raises(InputError, match=r"ingest\.for_training"):
        check_split(
            apply_overrides(RetrainConfig(), {"ingest": {"for_training": False}}), trains=False
        )


def test_an_engine_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config = apply_overrides(PRESETS["smoke"](), {"rollout": {"engine": "vllm"}})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"rollout.engine: got 'vllm', which is not installed here"
    ):
        check_installed(config)
    check_installed(PRESETS["smoke"]())
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "a1")  # another image may have it
    check_installed(config)
