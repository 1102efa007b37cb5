"""Every source of prompts passes the same suite: ahead of time or on the spot, prompts are the
same."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.core.config import PerturbConfig
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.rollout.prompt import Prompt
from tasks.rollout.source import PromptMaker, PromptsAhead, PromptSource
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.policy import fresh_policy
from tests.helpers.samples import plan_all
from tests.helpers.warm.process import warm_children


@pytest.fixture
def material(tmp_path: Path) -> tuple[PromptMaker, list[Sample]]:
    store = Store(str(tmp_path))
    clips = [
        store_clip(store, make_clip(name, num_frames=8), seed=i) for i, name in enumerate("ab")
    ]
    maker = PromptMaker(
        fresh_policy().processor, store, {clip.clip_id: clip for clip in clips}, encodes=True
    )
    return maker, plan_all(clips, PerturbConfig(levels=(0.0,), train_samples_per_clip=(2, 1, 1)))


@pytest.fixture
def warmth() -> Iterator[None]:
    with warm_children():
        yield


SOURCES: dict[str, Callable[[PromptMaker], PromptSource]] = {
    "on the spot": lambda maker: maker,
    "ahead": lambda maker: PromptsAhead(maker, num_workers=2),
}


@pytest.fixture(params=["on the spot", pytest.param("ahead", marks=pytest.mark.slow)])
def source(
    request: pytest.FixtureRequest, material: tuple[PromptMaker, list[Sample]]
) -> Iterator[PromptSource]:
    with warm_children() if request.param == "ahead" else nullcontext():
        found = SOURCES[request.param](material[0])
        yield found
        found.close()


@pytest.mark.slow
def test_prompts_are_those_made_on_the_spot_announced_or_not(
    source: PromptSource, material: tuple[PromptMaker, list[Sample]]
) -> None:
    maker, samples = material
    announced = [*samples[:3], samples[0]]  # a sample may come twice, at the end of an epoch
    source.expect(0, announced)
    source.expect(0, announced)
    source.expect(1, samples[3:5])
    for sample in [*announced, *samples[3:]]:
        found, expected = source.take(sample), maker.take(sample)
        assert isinstance(found, Prompt)
        assert isinstance(expected, Prompt)
        assert found.text == expected.text
        assert all(
            np.array_equal(a.frames, b.frames)
            for a, b in zip(found.videos, expected.videos, strict=True)
        )
        assert found.encoded is not None
        assert expected.encoded is not None
        assert torch.equal(found.encoded.pixel_values, expected.encoded.pixel_values)
        assert torch.equal(found.encoded.input_ids, expected.encoded.input_ids)


def test_a_sample_that_cannot_be_shown_costs_itself_and_says_why(
    source: PromptSource, material: tuple[PromptMaker, list[Sample]]
) -> None:
    _, [sample, other, *_] = material
    broken = replace(sample, views=tuple(replace(view, clip_id="nowhere") for view in sample.views))
    source.expect(0, [broken, other])
    assert "nowhere" in str(source.take(broken))
    assert isinstance(source.take(other), Prompt)


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_run_with_advice(
    warmth: None, material: tuple[PromptMaker, list[Sample]]
) -> None:
    maker, samples = material
    source = PromptsAhead(maker, num_workers=1)
    source.expect(0, samples[:1])
    source.take(samples[0])
    [worker] = active_children()
    worker.kill()
    worker.join()
    with pytest.raises(RuntimeError, match=r"lower train\.prefetch_workers"):
        _announce_and_take(source, samples[1:])
    source.close()


def _announce_and_take(source: PromptSource, samples: list[Sample]) -> None:
    source.expect(1, samples)
    for sample in samples:
        source.take(sample)
