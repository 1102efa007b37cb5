"""How much of a score is left without the pictures: the same model, questions and metric, asked
blind until the answer is precise enough.

Each part of a place (`BlindPart`) is asked in a seeded order of which every beginning is like the
whole, until half of the 95 % interval of its mean is as wanted, or all is asked. Stopping by the
interval's width makes it hold slightly less often than it says, by less the more items there are
(Y. S. Chow and H. Robbins, "On the asymptotic theory of fixed-width sequential confidence intervals
for the mean", 1965). The spread of a few items may be small by chance, so at least
`evaluate.blind_min_items` are asked.

What could not be shown or asked has no blind score: a failure is no proof of seeing.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.limit import in_proportion
from tasks.benchmarks.records import AskedBenchmark
from tasks.core.config import EvaluateConfig, RolloutConfig
from tasks.core.controls import BlindScore, BlindScores
from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.records import BlindTrial
from tasks.core.speed import BLIND_STAGE
from tasks.core.statistics import Estimate, ItemScore, estimate
from tasks.core.store import Store
from tasks.core.types import Sample, Split, StageReport
from tasks.core.viubench import viubench_type
from tasks.evaluate.benchmarks import all_samples, benchmark_sampling
from tasks.evaluate.score_policy import sampling_of, score_reply
from tasks.rollout.answerer import Answerer, Reply, Sampling
from tasks.rollout.ask import ReplyCache
from tasks.rollout.blind import BlindVideos, PartOf, blind_videos
from tasks.rollout.videos import BenchmarkVideos, VideoSource

Unit = Sequence[Sample]
"""What is scored as one: a question, or all of a group."""
Said = Mapping[str, Reply]
"""By sample id."""


@dataclass(frozen=True, kw_only=True)
class BlindPart:
    """Items whose mean has to be precise."""

    units: Sequence[Unit]
    """In the order in which they are asked."""
    strata: frozenset[str]
    """That the mean is over: before all of them are asked, it is another mean."""


@dataclass(frozen=True, kw_only=True)
class BlindPlace:
    """Held-out samples, VIUBench, or a benchmark: what is asked there, and what it is worth."""

    name: str
    label: str
    """Of kept replies."""
    parts: Sequence[BlindPart]
    sampling: Sampling
    """As where the pictures are shown."""
    videos: VideoSource
    swap_within: PartOf
    seed: int
    score: Callable[[Sequence[Unit], Said], Mapping[str, ItemScore]]
    """Whole units and what was said to them -> score by item."""

    @property
    def units(self) -> list[Unit]:
        """Of all parts."""
        return [unit for part in self.parts for unit in part.units]


def own_place(
    split: Split,
    samples: Sequence[Sample],
    videos: VideoSource,
    rollout: RolloutConfig,
    config: EvaluateConfig,
    seed: int,
) -> BlindPlace:
    """The held-out samples, each pretext task by itself, or VIUBench, whose mean over types is what
    a promotion is decided on: of one type there are too few items for two points."""
    own = [sample for sample in samples if sample.split == split]
    is_heldout = split == Split.HELDOUT
    parts: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in own:
        parts[sample.pretext if is_heldout else ""].append(sample)

    def stratum(sample: Sample) -> str:
        return "" if is_heldout else viubench_type(sample)

    def score(units: Sequence[Unit], said: Said) -> dict[str, ItemScore]:
        return {
            sample.sample_id: score_reply(sample, said[sample.sample_id]).scored(stratum(sample))
            for unit in units
            for sample in unit
        }

    return BlindPlace(
        name=split.value,
        label=split.value,
        parts=[
            BlindPart(
                units=[*in_proportion(members, _cell, seed)],
                strata=frozenset(map(stratum, members)),
            )
            for _, members in sorted(parts.items())
        ],
        sampling=sampling_of(split, rollout, config),
        videos=videos,
        swap_within=_cell,
        seed=seed,
        score=score,
    )


def benchmark_place(store: Store, benchmark: AskedBenchmark) -> BlindPlace:
    """A benchmark as a whole, for its headline, within its own types of questions."""
    folder = benchmark.folder
    adapter = BENCHMARKS[folder.adapter]
    opened = adapter.open(folder.folder, folder.conditions, benchmark.num_available)
    samples = [*all_samples(store, benchmark)]

    def score(units: Sequence[Unit], said: Said) -> Mapping[str, ItemScore]:
        return opened.units(
            [
                opened.judge(sample, said[sample.sample_id].texts[0])
                for unit in units
                for sample in unit
            ]
        )

    all_items = opened.units([opened.fail(sample, "not asked") for sample in samples])
    return BlindPlace(
        name=folder.name,
        label=folder.adapter,
        parts=[
            BlindPart(
                units=[*in_proportion(samples, adapter.type_of, folder.seed)],
                strata=frozenset(item.stratum for item in all_items.values()),
            )
        ],
        sampling=benchmark_sampling(benchmark),
        videos=BenchmarkVideos(store, folder),
        swap_within=adapter.type_of,
        seed=folder.seed,
        score=score,
    )


def ask_blind(
    store: Store, trial: BlindTrial, place: BlindPlace, answerer: Answerer, config: EvaluateConfig
) -> BlindScores:
    """Ask one candidate in one place under one condition; what was asked before is not asked
    again."""
    started = time.perf_counter()
    samples = [sample for unit in place.units for sample in unit]
    videos = blind_videos(trial.condition, place.videos, samples, place.swap_within, place.seed)
    cache = ReplyCache(store, answerer, videos, place.sampling, f"{place.label}-{trial.condition}")
    label = f"{trial.candidate.name} {place.name} {trial.condition}"
    with tqdm(total=len(samples), desc=label, unit="question") as progress:
        asked = [
            _ask_part(part, place, videos, cache, config, progress.update) for part in place.parts
        ]
    scores = {item: score for part in asked for item, score in part.scores.items()}
    rows = [BlindScore(item=item, score=found.score) for item, found in sorted(scores.items())]
    # By its rows: the same answers are the same file, whatever order they came in.
    key = f"evaluated/{digest_of('blind', trial.place, trial.condition, *rows)}/blind.parquet"
    return BlindScores(
        candidate=trial.candidate.name,
        place=trial.place,
        condition=trial.condition,
        scores=write_rows(store, key, BlindScore, rows),
        report=StageReport(
            stage=f"{BLIND_STAGE}{trial.condition}_{trial.place}",
            seconds=time.perf_counter() - started,
            counts={
                "asked": float(cache.num_asked),
                "items": float(len(rows)),
                "of": float(len(place.units)),
                "without_partner": float(sum(not _can_show(videos, unit) for unit in place.units)),
                "failed": float(sum(part.num_failed for part in asked)),
                "tokens": float(cache.num_tokens),
                "reused": float(cache.num_asked == 0),
            },
        ),
    )


@dataclass(frozen=True)
class _PartScores:
    scores: dict[str, ItemScore]
    num_failed: int
    """Units that could not be shown or asked."""


def _ask_part(
    part: BlindPart,
    place: BlindPlace,
    videos: BlindVideos,
    cache: ReplyCache,
    config: EvaluateConfig,
    advance: Callable[[int], object],
) -> _PartScores:
    found: dict[str, ItemScore] = {}
    num_failed = 0
    shown = [unit for unit in part.units if _can_show(videos, unit)]
    for batch in _batches(shown, config.questions_per_batch):
        said = _ask(cache, batch)
        answered = [unit for unit in batch if not any(said[s.sample_id].failure for s in unit)]
        num_failed += len(batch) - len(answered)
        found |= place.score(answered, said)
        advance(sum(map(len, batch)))
        is_whole = {item.stratum for item in found.values()} == part.strata
        is_enough = is_whole and len(found) >= config.blind_min_items
        if is_enough and _half_width(estimate(found.values())) <= config.blind_half_width:
            break
    return _PartScores(found, num_failed)


def _ask(cache: ReplyCache, batch: Sequence[Unit]) -> dict[str, Reply]:
    # Questions on one video in a row, so that it is opened once.
    samples = sorted(
        (sample for unit in batch for sample in unit),
        key=lambda sample: (sample.views[0].clip_id, sample.sample_id),
    )
    return {
        sample.sample_id: reply for sample, reply in zip(samples, cache.ask(samples), strict=True)
    }


def _batches(units: Sequence[Unit], size: int) -> Iterator[list[Unit]]:
    """Whole units, of `size` questions or a few more; each batch is kept and weighed as one."""
    batch: list[Unit] = []
    for unit in units:
        batch.append(unit)
        if sum(map(len, batch)) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def _half_width(found: Estimate) -> float:
    return math.inf if found.no_interval else (found.high - found.low) / 2


def _can_show(videos: BlindVideos, unit: Unit) -> bool:
    return all(map(videos.can_show, unit))


def _cell(sample: Sample) -> str:
    return "/".join(map(str, sample.cell))
