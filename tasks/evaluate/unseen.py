"""What scores would be without any model, item by item: chance and the best constant answer of
every place, kept."""

from collections.abc import Callable
from functools import cache, partial

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.lengths import question_lengths
from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.core.controls import Unseen
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.records import DataSet
from tasks.core.reuse import once, work_key
from tasks.core.score_config import SCORED_SPLITS
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample
from tasks.evaluate.unseen_benchmark import unseen_benchmark
from tasks.evaluate.unseen_own import unseen_own


def score_unseen(
    store: Store, data: DataSet, questions: Questions, seed: int
) -> dict[str, Artifact]:
    """Rows of `Unseen` by place: of the held-out samples and VIUBench items of `data`, if it has
    samples, and of every benchmark. What was made before is found again."""

    def keep(make: Callable[[], list[Unseen]], *inputs: object) -> Artifact:
        key = work_key("evaluated", "unseen", *inputs)
        rows = f"{key}/unseen.parquet"
        return once(store, key, Artifact, lambda: write_rows(store, rows, Unseen, make())).output

    @cache
    def own() -> dict[str, list[Unseen]]:
        clips = read_clips(store, data.clips)
        return unseen_own(read_rows(store, data.samples, Sample), clips, seed)

    def own_place(place: str) -> list[Unseen]:
        return own()[place]

    inputs = (data.samples.digest, data.clips.digest, seed)
    places = [split.value for split in SCORED_SPLITS] if data.samples.key else []
    found = {place: keep(partial(own_place, place), place, *inputs) for place in places}
    return found | {
        asked.folder.name: keep(partial(_of, store, asked), asked.digest, asked.folder.seed)
        for asked in questions.benchmarks
    }


def _of(store: Store, asked: AskedBenchmark) -> list[Unseen]:
    folder = asked.folder
    samples = [s for shard in asked.shards for s in read_rows(store, shard, Sample)]
    benchmark = BENCHMARKS[folder.adapter].open(folder.folder, folder.conditions)
    return unseen_benchmark(benchmark, samples, question_lengths(folder, samples), folder.seed)
