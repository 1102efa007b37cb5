"""Is there a video that no run has read yet? Only listings and records are looked at, so it costs seconds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tasks.core.store import Store
from tasks.ingest.content import known_content
from tasks.ingest.locate import Refused, locate
from tasks.ingest.outputs import VideoShard

_LOOKUPS = 8


def count_new(store: Store, shards: Sequence[VideoShard]) -> int:
    """Videos that are new or changed; one that cannot be looked up is no reason to start."""

    def is_new(job: tuple[VideoShard, str]) -> bool:
        shard, name = job
        try:
            return not known_content(store, locate(shard.root, name, tuple(shard.more_roots))).sha256
        except (OSError, Refused):
            return False

    with ThreadPoolExecutor(_LOOKUPS) as threads:
        return sum(threads.map(is_new, [(shard, name) for shard in shards for name in shard.names]))
