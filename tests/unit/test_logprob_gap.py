"""The gap between engine and policy, over the tokens that were sampled."""

import logging
import math

import pytest
import torch

from tasks.rollout.engine import Completion
from tasks.train.gap import gap_metrics, is_alarming
from tasks.train.metrics import values


def completion(*logprobs: float) -> Completion:
    return Completion(
        token_ids=tuple(range(len(logprobs))), logprobs=logprobs, text="", truncated=False
    )


def test_mean_and_largest_are_over_real_tokens_and_never_over_padding() -> None:
    policy = torch.tensor([[[-1.0, -2.0], [-3.0, 50.0]]])
    gap = values(gap_metrics(policy, [[completion(-1.5, -2.0), completion(-2.0)]]))
    assert gap == {"rollout/logprob_gap_mean": 0.5, "rollout/logprob_gap_max": 1.0}


def test_a_number_that_is_none_raises_the_alarm(caplog: pytest.LogCaptureFixture) -> None:
    gap = values(gap_metrics(torch.tensor([[[math.nan, -1.0]]]), [[completion(-1.0, -1.0)]]))
    with caplog.at_level(logging.WARNING):
        assert is_alarming(gap, 0.05)
    assert "alarm level 0.05" in caplog.text


def test_a_small_gap_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    assert not is_alarming({"rollout/logprob_gap_mean": 0.01, "rollout/logprob_gap_max": 0.1}, 0.05)
    assert not is_alarming({}, 0.05), "a step without an update"
    assert caplog.text == ""
