"""Answers to every row, sampled once: a run that was killed goes on where it stopped.

Kept are texts, not rewards, each under a digest of what was shown and asked. So a corrected label costs no rollout.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

from tqdm import tqdm

from tasks.core.digest import digest_of
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rollout, Sample
from tasks.rollout.answerer import Answered, Answerer
from tasks.rollout.reward import reward_answer

_SAMPLES_PER_PART = 32
"""Answered and written together: what a kill can cost."""


@dataclass(frozen=True, kw_only=True)
class PromptAnswers:
    """What one policy said to one prompt."""

    prompt: str
    """Digest of the prompt."""
    texts: tuple[str, ...]
    num_tokens: tuple[int, ...]
    truncated: tuple[bool, ...]


def answer_all(
    store: Store,
    key: str,
    samples: Sequence[Sample],
    clips: Mapping[str, Clip],
    open_answerer: Callable[[], AbstractContextManager[Answerer]],
) -> Answered:
    """The rollouts of every sample; those found below `key` are not sampled again.

    Args:
        store: Holds the clips, and keeps the answers.
        key: Stands for the policy and how it samples.
        samples: What to answer.
        clips: By clip id.
        open_answerer: Called only if there is something to answer.
    """
    prompts = {sample.sample_id: _digest(sample, clips) for sample in samples}
    known = {row.prompt: row for part in store.list_keys(key) for row in read_rows(store, part, PromptAnswers)}
    missing = [sample for sample in samples if prompts[sample.sample_id] not in known]
    failures: dict[str, str] = {}
    if missing:
        bar = tqdm(total=len(samples), initial=len(samples) - len(missing), desc="diagnose", unit="row")
        with open_answerer() as answerer, bar:
            for start in range(0, len(missing), _SAMPLES_PER_PART):
                part = missing[start : start + _SAMPLES_PER_PART]
                answered = answerer.answer(part)
                failures |= answered.failures
                rows = [_row(prompts[name], rollouts) for name, rollouts in answered.rollouts.items()]
                known |= {row.prompt: row for row in rows}
                if rows:
                    name = digest_of(*(row.prompt for row in rows))
                    write_rows(store, f"{key}/{name}.parquet", PromptAnswers, rows)
                bar.update(len(part))
    rollouts = {
        sample.sample_id: _rollouts(sample, known[prompts[sample.sample_id]])
        for sample in samples
        if sample.sample_id not in failures
    }
    return Answered(rollouts, failures)


def _digest(sample: Sample, clips: Mapping[str, Clip]) -> str:
    """Of everything that decides about the answers, the seed's part included."""
    shown = [(clips[view.clip_id].frames_key, clips[view.clip_id].timestamps_seconds) for view in sample.views]
    return digest_of(sample.sample_id, sample.question, [asdict(view) for view in sample.views], shown)


def _row(prompt: str, rollouts: Sequence[Rollout]) -> PromptAnswers:
    return PromptAnswers(
        prompt=prompt,
        texts=tuple(rollout.text for rollout in rollouts),
        num_tokens=tuple(rollout.num_tokens for rollout in rollouts),
        truncated=tuple(rollout.truncated for rollout in rollouts),
    )


def _rollouts(sample: Sample, row: PromptAnswers) -> list[Rollout]:
    said = zip(row.texts, row.num_tokens, row.truncated, strict=True)
    return [
        reward_answer(sample, index, text, num_tokens=num_tokens, truncated=truncated)
        for index, (text, num_tokens, truncated) in enumerate(said)
    ]
