"""Who answers the rows: a model through its rollout engine, or a guesser that needs none."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tasks.core.config import RetrainConfig
from tasks.core.digest import digest_of
from tasks.core.reuse import work_key
from tasks.core.seeding import generator
from tasks.core.store import Store
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.types import Clip, Rollout, Sample
from tasks.policy.named import digest_of_named, open_named
from tasks.rollout.answerer import Answered, Answerer, ModelAnswerer
from tasks.rollout.reward import reward_answer
from tasks.rollout.setup import make_collector

RANDOM = "random"
"""The policy that knows which answers occur, and looks at no pixel."""


def answers_key(config: RetrainConfig, samples: Sequence[Sample]) -> str:
    """Where the answers of the policy `config.model.base` are kept; another policy or way of sampling has another."""
    name, rollout = config.model.base, config.rollout
    texts = (sample.question for sample in samples)
    labels = sorted((sample.sample_id, sample.answer) for sample in samples)
    policy = digest_of(RANDOM, labels) if name == RANDOM else digest_of_named(name, config.model, texts, config.seed)
    sampling = (rollout.engine, rollout.rollouts_per_prompt, rollout.temperature, rollout.max_answer_tokens)
    return work_key("diagnosed/answers", "diagnose", policy, SYSTEM_PROMPT, *sampling, config.seed)


@contextmanager
def open_answerer(
    store: Store, config: RetrainConfig, samples: Sequence[Sample], clips: Mapping[str, Clip]
) -> Iterator[Answerer]:
    """The policy `config.model.base`: `random`, `tiny`, a folder or a hub name."""
    if config.model.base == RANDOM:
        yield Guesser(samples, num_answers=config.rollout.rollouts_per_prompt, seed=config.seed)
        return
    policy = open_named(config.model.base, config.model, (sample.question for sample in samples), config.seed)
    collector = make_collector(policy, config.rollout, store, clips, config.seed)
    try:
        yield ModelAnswerer(collector, ("diagnose",))
    finally:
        collector.close()


class Guesser:
    """An `Answerer` that draws from the data set's own answers to questions of the same kind."""

    def __init__(self, samples: Sequence[Sample], *, num_answers: int, seed: int) -> None:
        self._pools: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        for sample in samples:
            self._pools[_kind(sample)].append(sample.answer)
        self._num_answers = num_answers
        self._seed = seed

    def answer(self, samples: Sequence[Sample]) -> Answered:
        return Answered({sample.sample_id: self._guess(sample) for sample in samples}, {})

    def _guess(self, sample: Sample) -> list[Rollout]:
        pool = self._pools[_kind(sample)]
        rng = generator(self._seed, "diagnose", RANDOM, sample.sample_id)
        texts = [pool[index] for index in rng.integers(len(pool), size=self._num_answers)]
        return [reward_answer(sample, index, text, num_tokens=0) for index, text in enumerate(texts)]


def _kind(sample: Sample) -> tuple[str, str, str]:
    return sample.pretext, sample.kind, sample.answer_kind
