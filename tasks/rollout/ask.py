"""Asking, batch by batch; what was answered once is never asked again.

Kept are texts, not rewards, each under a digest of all that was shown and asked: so a corrected
label costs no rollout, and an edited question or a repaired video is asked. A question that could
not be shown or asked has no answer: the next run tries it again.

Each batch is a file of its own, written whole or not at all as soon as it is answered. So a run
that was killed asks on from the batch that was under way, and leaves the same files as one that was
not, as long as the batches are the same: they are cut from all questions, not from those that are
left.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tqdm import tqdm

from tasks.core.digest import digest_of
from tasks.core.manifest import iterate_rows, write_rows
from tasks.core.stages import code_of
from tasks.core.store import Store
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.text_tokens import text_tokens
from tasks.core.types import Sample
from tasks.rollout.answerer import Answerer, Reply, Sampling
from tasks.rollout.videos import VideoSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Row:
    question: str
    """Digest of what was shown and asked."""
    reply: Reply


class ReplyCache:
    """What one answerer says under one sampling; it is asked what it was not asked before."""

    def __init__(
        self,
        store: Store,
        answerer: Answerer,
        videos: VideoSource,
        sampling: Sampling,
        label: str,
        *,
        part: str = "",
    ) -> None:
        """`label` names the use for people; a `part` reads its own replies only (empty: all)."""
        self._store, self._answerer = store, answerer
        self._videos, self._sampling = videos, sampling
        asked = digest_of(code_of("answer"), asdict(sampling), part)
        self._key = f"answers/{answerer.digest}/{label}-{asked}"
        self._known = {
            row.question: row.reply
            for key in store.list_keys(self._key)
            for row in iterate_rows(store, key, _Row)
        }
        self.num_asked = 0
        """Questions that had no reply yet."""
        self.num_tokens = 0
        """Read and written for them; a prompt counts once, whatever the number of its answers."""

    def ask(self, batch: Sequence[Sample]) -> list[Reply]:
        """The replies to one batch, in its order, kept when this returns."""
        questions = self._questions(batch)
        pairs = zip(batch, questions, strict=True)
        missing = {question: sample for sample, question in pairs if question not in self._known}
        failed: dict[str, Reply] = {}
        if missing:
            self.num_asked += len(missing)
            said = self._answerer.answer([*missing.values()], self._videos.show, self._sampling)
            self.num_tokens += sum(map(_num_tokens, missing.values(), said))
            failed = {
                question: reply
                for question, reply in zip(missing, said, strict=True)
                if reply.failure
            }
            self._keep(
                [_Row(question, reply) for question, reply in zip(missing, said, strict=True)]
            )
        return [failed.get(question) or self._known[question] for question in questions]

    def known(self, batch: Sequence[Sample]) -> list[Reply | None]:
        """The replies that there are already; nothing is asked."""
        return [self._known.get(question) for question in self._questions(batch)]

    def take_over(self, batch: Sequence[Sample], replies: Sequence[Reply]) -> None:
        """Keep what was said to the very same questions under other ids."""
        rows = zip(self._questions(batch), replies, strict=True)
        self._keep([_Row(question, reply) for question, reply in rows])

    def _questions(self, batch: Sequence[Sample]) -> list[str]:
        digests = self._videos.digests(batch)
        return [_digest(sample, shown) for sample, shown in zip(batch, digests, strict=True)]

    def _keep(self, asked: Sequence[_Row]) -> None:
        rows = [row for row in asked if not row.reply.failure]
        if rows:
            # Named by its questions: the same batch answered once more is the same file, and
            # batches of shards that work at once do not overwrite each other.
            name = digest_of(*(row.question for row in rows))
            write_rows(self._store, f"{self._key}/{name}.parquet", _Row, rows)
            self._known |= {row.question: row.reply for row in rows}
        if len(rows) < len(asked):
            first = next(row.reply for row in asked if row.reply.failure)
            logger.warning(
                "%d of %d questions could not be shown or asked, e.g. %s: %s",
                *(len(asked) - len(rows), len(asked), first.sample_id, first.failure),
            )


def ask_all(
    cache: ReplyCache, samples: Sequence[Sample], *, batch_size: int, label: str
) -> dict[str, Reply]:
    """By sample id, with a progress bar."""
    replies: list[Reply] = []
    with tqdm(total=len(samples), desc=label, unit="question") as progress:
        for start in range(0, len(samples), batch_size):
            batch = samples[start : start + batch_size]
            replies += cache.ask(batch)
            progress.update(len(batch))
    return {reply.sample_id: reply for reply in replies}


def _num_tokens(sample: Sample, reply: Reply) -> int:
    if reply.failure:
        return 0
    return text_tokens(sample) + reply.num_vision_tokens + sum(reply.num_tokens)


def _digest(sample: Sample, shown: str) -> str:
    """Of all that decides about the reply: the id (a part of the seed), not the right answer."""
    facts = sample.benchmark
    prompt = [facts.system_prompt, facts.video_label] if facts else [SYSTEM_PROMPT]
    return digest_of(
        sample.sample_id, sample.question, prompt, [asdict(view) for view in sample.views], shown
    )
