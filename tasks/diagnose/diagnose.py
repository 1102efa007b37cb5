"""The diagnose stage: answer every row, judge it, write what was found and the rows that teach."""

from pathlib import Path

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_clips, read_rows
from tasks.core.records import DataSet, Diagnosis
from tasks.core.reward import RewardKind
from tasks.core.store import Store
from tasks.core.types import Rejection, Sample
from tasks.diagnose.judge import judge_rows, likely_wrong_labels
from tasks.diagnose.publish import ReportContent, publish
from tasks.diagnose.summary import Request, summarize
from tasks.diagnose.table import closing_table
from tasks.exchange.row import Origin
from tasks.rollout.answerer import Answerer, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.videos import ClipVideos
from tasks.tracking.tracker import Tracker


def diagnose(
    store: Store,
    file: Path,
    data: DataSet,
    answerer: Answerer,
    config: RetrainConfig,
    reward: RewardKind,
    out: str,
    tracker: Tracker,
) -> tuple[Diagnosis, str]:
    """Diagnose `data`, imported from `file`. Returns what was written (to the folder `out`, or into
    the store if that is empty), and the closing table.

    Raises:
        InputError: no row could be shown to the model.
    """
    samples, clips = read_rows(store, data.samples, Sample), read_clips(store, data.clips)
    rollout = config.rollout
    purpose = ("rollout", "diagnose")
    sampling = Sampling(
        rollout.rollouts_per_prompt, rollout.temperature, rollout.max_answer_tokens, purpose
    )
    cache = ReplyCache(store, answerer, ClipVideos(store, clips), sampling, "diagnose")
    replies = ask_all(
        cache, samples, batch_size=config.evaluate.questions_per_batch, label="diagnose"
    )
    numbers = {origin.sample_id: origin.row for origin in read_rows(store, data.origins, Origin)}
    rows = judge_rows(samples, numbers, replies, reward)
    if all(reply.failure for reply in replies.values()):
        example = f"row {rows[0].row}: {rows[0].failure}"
        raise InputError(
            f"dataset: none of the {len(rows)} rows could be shown to the model, e.g. {example}"
        )
    request = Request(
        dataset=str(file),
        model=config.model.base,
        num_rollouts=config.rollout.rollouts_per_prompt,
        temperature=config.rollout.temperature,
        reward=reward.value,
        seed=config.seed,
    )
    content = ReportContent(
        file=file,
        summary=summarize(request, rows, data.reports[0].counts),
        rows=rows,
        unusable=read_rows(store, data.rejected, Rejection),
        samples={sample.sample_id: sample for sample in samples},
        clips=clips,
    )
    return publish(store, content, out, tracker), closing_table(
        content.summary, likely_wrong_labels(rows)
    )
