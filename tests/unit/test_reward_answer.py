"""A sample whose answer has several parts is planned and rewarded without a reward of its own."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from rewards.answers import Counts, Interval
from rewards.schema import Weight
from tasks.core.types import Sample
from tasks.perturb.item import build_sample, whole_view
from tasks.rollout.reward import reward_answer
from tests.helpers.clips import make_clip


@dataclass(frozen=True)
class Event:
    when: Annotated[Interval, Weight(2)]
    how_many: Counts


@pytest.fixture
def sample() -> Sample:
    clip = make_clip()
    return build_sample(
        clip,
        pretext="event",
        kind="any",
        level=0.5,
        views=(whole_view(clip, ()),),
        question="When, and how many?",
        answer=Event(Interval(2.0, 6.0), Counts((2,))),
    )


def test_every_part_is_rewarded_and_recorded(sample: Sample) -> None:
    rollout = reward_answer(sample, 0, "4.0-6.0; 2", num_tokens=9)
    assert rollout.reward_by_part == {"when": 0.5, "how_many": 1.0}
    assert rollout.reward == pytest.approx(2 / 3 * 0.5 + 1 / 3)
    assert rollout.parsed


def test_an_answer_in_a_sentence_misses_the_format(sample: Sample) -> None:
    rollout = reward_answer(sample, 0, "From 2.0 to 6.0; I saw 2.", num_tokens=9)
    assert (rollout.reward, rollout.parsed) == (0.0, False)
