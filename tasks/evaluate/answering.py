"""Asking the questions of a shard, batch by batch; what was answered once is never asked again.

An answer belongs to a model, to the conditions, to the whole question and to the content of its videos. A question that
could not be shown or asked has no answer: it is tried again by the next run.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from tqdm import tqdm

from tasks.benchmarks.contents import VideoContents
from tasks.benchmarks.lookup import missing_of
from tasks.benchmarks.records import BenchmarkFolder, Questions, QuestionShard
from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.stages import code_of
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.evaluate.model import describe_served, digest_of_model, open_model
from tasks.evaluate.outputs import AnsweredShard
from tasks.evaluate.respond import Answer, Show
from tasks.evaluate.served import check_unchanged
from tasks.evaluate.show import Shower
from tasks.policy.checkpoint import TINY_BASE


@dataclass(frozen=True)
class _Kept:
    question: str
    """Digest of the whole question and of its videos' content: an edited annotation or a repaired video is asked."""
    answer: Answer


class AnswerBook:
    """One model's answers, kept by question: each batch is a file of its own, written whole or not at all."""

    def __init__(self, store: Store, model: str, folders: Sequence[BenchmarkFolder], contents: VideoContents) -> None:
        """`model` is a digest, equal only for models that answer alike."""
        self._store, self._contents = store, contents
        code = code_of("answer")
        self._keys = {
            folder.name: f"answers/{model}/{folder.name}-{digest_of(code, folder.conditions)}" for folder in folders
        }

    def find(self, samples: Sequence[Sample]) -> dict[str, Answer]:
        """By sample id, what was said to `samples` under these conditions; failures among it are no answers."""
        wanted = {sample.sample_id: self._question(sample) for sample in samples}
        keys = [self._keys[name] for name in sorted({sample.pretext for sample in samples})]
        kept = (
            row
            for key in keys
            for batch in self._store.list_keys(key)
            for row in iterate_rows(self._store, batch, _Kept)
        )
        found: dict[str, Answer] = {}
        for row in kept:
            known = found.get(row.answer.sample_id)
            if wanted.get(row.answer.sample_id) == row.question and (known is None or known.failure):
                found[row.answer.sample_id] = row.answer
        return found

    def keep(self, samples: Sequence[Sample], answers: Sequence[Answer]) -> None:
        """Of one benchmark."""
        rows = [_Kept(self._question(sample), answer) for sample, answer in zip(samples, answers, strict=True)]
        name = digest_of(*(row.question for row in rows))
        write_rows(self._store, f"{self._keys[samples[0].pretext]}/{name}.parquet", _Kept, rows)

    def _question(self, sample: Sample) -> str:
        return digest_of(sample, self._contents.digest(sample))


def answer_questions(
    store: Store,
    shard: QuestionShard,
    questions: Questions,
    name: str,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: EvaluateConfig,
    seed: int,
) -> AnsweredShard:
    """Ask model `name` the questions of one shard; it is loaded only if one that can be shown has no answer yet."""
    started = time.perf_counter()
    samples = read_rows(store, shard.questions, Sample)
    texts = _texts(store, questions) if name == TINY_BASE else []
    digest = digest_of_model(name, model, rollout, texts, seed, questions.served)
    contents, shower = VideoContents(store, questions.folders), Shower(questions.folders)
    book = AnswerBook(store, digest, questions.folders, contents)
    said = book.find(samples)
    contents.keep()
    answers = {sample_id: answer for sample_id, answer in said.items() if not answer.failure}
    answers |= _not_shown([sample for sample in samples if sample.sample_id not in answers], said, shower.show)
    left = [sample for sample in samples if sample.sample_id not in answers]
    conditions = {folder.name: folder.conditions for folder in questions.folders}
    with tqdm(total=len(samples), initial=len(answers), desc="evaluate", unit="question") as progress:
        if left:
            with open_model(name, model, rollout, texts, seed) as respondent, _unchanged(name, questions, seed):
                for batch in _batches(left, config.questions_per_batch):
                    benchmark = batch[0].pretext
                    progress.set_postfix_str(benchmark)
                    replies = respondent.respond(batch, shower.show, conditions[benchmark])
                    book.keep(batch, replies)
                    answers |= {answer.sample_id: answer for answer in replies}
                    progress.update(len(batch))
    key = f"answers/{digest}/shards/{digest_of(shard.questions.digest, *questions.folders)}.parquet"
    return AnsweredShard(
        answers=write_rows(store, key, Answer, (answers[sample.sample_id] for sample in samples)),
        num_asked=len(left),
        num_decoded=shower.num_decoded,
        seconds=time.perf_counter() - started,
    )


def answers_by_id(store: Store, answered: Sequence[AnsweredShard]) -> dict[str, Answer]:
    """Of all shards."""
    return {row.sample_id: row for shard in answered for row in iterate_rows(store, shard.answers, Answer)}


def samples_by_benchmark(store: Store, questions: Questions) -> dict[str, list[Sample]]:
    """In the order of their ids."""
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for shard in questions.shards:
        for sample in iterate_rows(store, shard.questions, Sample):
            found[sample.pretext].append(sample)
    return {name: sorted(found[name], key=lambda sample: sample.sample_id) for name in sorted(found)}


def _not_shown(samples: Sequence[Sample], said: Mapping[str, Answer], show: Show) -> dict[str, Answer]:
    """Those whose video is missing, or failed before and still cannot be shown: no model is needed to find that out."""
    found = {}
    for sample in samples:
        failure = missing_of(sample)
        if not failure and sample.sample_id in said:
            try:
                show(sample)
            except ValueError as error:
                failure = str(error)
        if failure:
            found[sample.sample_id] = Answer(sample_id=sample.sample_id, failure=failure)
    return found


@contextmanager
def _unchanged(name: str, questions: Questions, seed: int) -> Iterator[None]:
    """A server that changes while it is asked ends the run: answers of two models would be scored as one's."""
    _check_served(name, questions, seed)
    yield
    _check_served(name, questions, seed)


def _check_served(name: str, questions: Questions, seed: int) -> None:
    now = describe_served(name, seed) if questions.served else None
    if now is not None:
        check_unchanged(name, questions.served, now)


def _texts(store: Store, questions: Questions) -> list[str]:
    """All questions: the words that the tiny model's tokenizer has to know, whatever the shard."""
    return [sample.question for shard in questions.shards for sample in iterate_rows(store, shard.questions, Sample)]


def _batches(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    """Of one benchmark each."""
    for _, group in groupby(samples, key=lambda sample: sample.pretext):
        of_benchmark = list(group)
        yield from (of_benchmark[start : start + size] for start in range(0, len(of_benchmark), size))
