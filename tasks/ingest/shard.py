"""All files of one shard, looked at in worker processes, with a progress bar."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import zip_longest

from tqdm import tqdm

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.records import IngestedShard, VideoShard
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.contents import write_contents
from tasks.ingest.quality import FileJob, examine_file
from tasks.ingest.reasons import Flaw
from tasks.ingest.verdicts import Source, Verdict, fetch_source, find_verdict, judge
from tasks.video.clip_file import ClipFile
from tasks.video.isolation import Limits, in_threads, isolated

_LOOKUPS = 8
"""Files looked up at once: it is waiting, mostly for object stores."""


def ingest_videos(store: Store, shard: VideoShard, config: IngestConfig) -> IngestedShard:
    """Judge every file of `shard` and write the manifests of what came out."""
    start = time.monotonic()
    verdicts = judge_shard(store, shard, config)
    clips = [verdict.clip for verdict in verdicts if verdict.clip]
    rejected = [verdict.rejection for verdict in verdicts if verdict.rejection]
    rows = [asdict(clip) for clip in clips], [asdict(row) for row in rejected]
    key = f"ingest/shards/{digest_of(*rows)}"
    num_reused = sum(verdict.is_reused for verdict in verdicts)
    return IngestedShard(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
        contents=write_contents(store, [verdict.sha256 for verdict in verdicts]),
        num_new=len(verdicts) - num_reused,
        num_reused=num_reused,
        seconds=time.monotonic() - start,
    )


def judge_shard(
    store: Store,
    shard: VideoShard,
    config: IngestConfig,
    examine: Callable[[FileJob], ClipFile | Flaw] = examine_file,
) -> list[Verdict]:
    """One verdict a name, in order, whatever the number of workers."""
    with tempfile.TemporaryDirectory(prefix="videossr-ingest-") as scratch:
        sources = [
            Source(
                store=store,
                root=shard.root,
                name=name,
                config=config,
                scratch=scratch,
                more_roots=tuple(shard.more_roots),
                checksum=checksum,
            )
            for name, checksum in zip_longest(shard.names, shard.checksums, fillvalue="")
        ]
        with tqdm(total=len(sources), desc="ingest", unit="video") as bar:
            return count_copies_once(_judge_all(sources, config, examine, bar.update))


def count_copies_once(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of equal new contents the first counts as new: which worker came first is chance."""
    new = {verdict.sha256 for verdict in verdicts if verdict.sha256 and not verdict.is_reused}
    counted = []
    for verdict in verdicts:
        is_reused = verdict.is_reused if not verdict.sha256 else verdict.sha256 not in new
        new.discard(verdict.sha256)
        counted.append(replace(verdict, is_reused=is_reused))
    return counted


def _judge_all(
    sources: Sequence[Source],
    config: IngestConfig,
    examine: Callable[[FileJob], ClipFile | Flaw],
    advance: Callable[[], object],
) -> list[Verdict]:
    verdicts: dict[int, Verdict] = {}
    with ThreadPoolExecutor(_LOOKUPS) as threads:
        for index, known in enumerate(threads.map(find_verdict, sources)):
            if known:
                verdicts[index] = known
                advance()
    unknown = [index for index in range(len(sources)) if index not in verdicts]
    limits = Limits.of(config)
    with (
        isolated(examine, limits) as examining,
        isolated(fetch_source, limits, has_credentials=True) as fetching,
    ):
        work = partial(judge, examine=examining, fetch=fetching)
        for position, verdict in in_threads(work, [sources[index] for index in unknown], limits):
            verdicts[unknown[position]] = verdict
            advance()
    return [verdicts[index] for index in range(len(sources))]
