"""From a user's words to questions: which benchmarks lie where, how they are asked, and which part
of them."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.files import find_folder, subfolders
from tasks.benchmarks.given_conditions import read_conditions
from tasks.benchmarks.limit import count_types, draw_limited
from tasks.benchmarks.lookup import missing_of
from tasks.benchmarks.records import AskedBenchmark, BenchmarkFolder, PromptTokens
from tasks.benchmarks.viubench.folder import is_built
from tasks.core.config import BenchmarkConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.manifest import iterate_rows, write_rows
from tasks.core.overrides import changed
from tasks.core.store import Store
from tasks.core.strict_json import read_object
from tasks.core.types import Sample

logger = logging.getLogger(__name__)

_EXPECTED = (
    'expected a JSON object such as {"videomme": "/data/Video-MME"}, or a folder that '
    "holds one folder for each benchmark (folders may be URIs, s3://bucket/Video-MME); "
    f"known are {', '.join(BENCHMARKS)}"
)


def read_suite(
    benchmarks: str, conditions: str, *, limit: int = 0, seed: int = 0
) -> list[BenchmarkFolder]:
    """The benchmarks that `benchmarks` names, each under its own conditions with the changes of
    `conditions`.

    Raises:
        InputError: an unknown benchmark, no such folder, or a condition that does not exist or
            cannot be.
    """
    folders = _folders(benchmarks)
    under = read_conditions(conditions, sorted(folders))
    return [
        BenchmarkFolder(
            name=name,
            folder=folders[name],
            conditions=found,
            adapter=name,
            limit=limit,
            seed=seed,
        )
        for name, found in under.items()
    ]


def configured_suite(
    benchmarks: Mapping[str, BenchmarkConfig], *, seed: int
) -> list[BenchmarkFolder]:
    """The benchmarks of a configuration, by name.

    Raises:
        InputError: an unknown adapter, no such folder, or a condition that does not exist or cannot
            be.
    """
    return [_configured(name, benchmarks[name], seed) for name in sorted(benchmarks)]


def list_suite(
    store: Store, folders: Sequence[BenchmarkFolder], *, questions_per_shard: int
) -> list[AskedBenchmark]:
    """Read all annotations, choose at most `limit` questions of each benchmark, and write them in
    shards.

    Raises:
        InputError: an annotation file is missing or wrong, or a benchmark has no question.
    """
    return [list_benchmark(store, folder, questions_per_shard) for folder in folders]


def list_benchmark(
    store: Store, folder: BenchmarkFolder, questions_per_shard: int
) -> AskedBenchmark:
    """One benchmark of `list_suite`."""
    from tasks.benchmarks.prompt_tokens import count_prompt_tokens  # which loads torch

    adapter = BENCHMARKS[folder.adapter]
    found = list(adapter.open(folder.folder, folder.conditions).samples())
    if not found:
        raise InputError(f"{folder.name}: no question in {folder.folder}")
    chosen = draw_limited(folder, found, adapter.type_of)
    _say_missing(folder, chosen)
    tokens = count_prompt_tokens(store, folder, chosen)
    _say_unreadable(folder, tokens)
    digest = digest_of("questions", folder.adapter, asdict(folder.conditions), *chosen)
    key = f"questions/{digest_of(digest, questions_per_shard)}"
    return AskedBenchmark(
        folder=folder,
        num_available=len(found),
        num_selected=len(chosen),
        shards=[
            write_rows(store, f"{key}/{number:05d}.parquet", Sample, rows)
            for number, rows in enumerate(_shards(chosen, questions_per_shard))
        ],
        digest=digest,
        types=count_types(chosen, found, adapter.type_of) if len(chosen) < len(found) else "",
        tokens=tokens,
    )


def check_shown(store: Store, benchmarks: Sequence[AskedBenchmark], min_coverage: float) -> None:
    """Check that enough of the videos are there for a promotion, before training is paid.

    Raises:
        InputError: of one benchmark they are not.
    """
    from tasks.benchmarks.prompt_tokens import unreadable_of  # which loads torch

    for benchmark in benchmarks:
        samples = [s for shard in benchmark.shards for s in iterate_rows(store, shard, Sample)]
        reasons = [
            reason
            for sample in samples
            if (reason := missing_of(sample) or unreadable_of(sample, benchmark.tokens))
        ]
        shown = 1 - len(reasons) / len(samples)
        if shown < min_coverage:
            raise InputError(
                f"evaluate.benchmarks.{benchmark.folder.name}: {len(reasons)} of {len(samples)} "
                f"questions cannot be shown, e.g. {reasons[0]}; expected at least "
                f"{min_coverage:.0%} (promote.min_coverage): add the videos to "
                f"{benchmark.folder.folder}, or leave the benchmark out"
            )


def check_room(
    store: Store, benchmarks: Sequence[AskedBenchmark], rollout: RolloutConfig, min_coverage: float
) -> None:
    """Check that prompts and answers are no longer than the engine takes: it refuses those that
    are.

    Raises:
        InputError: of one benchmark too many are.
    """
    from tasks.benchmarks.prompt_tokens import tokens_of  # which loads torch

    if rollout.engine != "vllm":
        return
    most = rollout.vllm.max_model_tokens
    for benchmark in benchmarks:
        samples = [s for shard in benchmark.shards for s in iterate_rows(store, shard, Sample)]
        answer = benchmark.folder.conditions.max_answer_tokens
        known = [tokens for sample in samples if (tokens := tokens_of(sample, benchmark.tokens))]
        too_long = [tokens for tokens in known if tokens + answer > most]
        if len(too_long) > (1 - min_coverage) * len(known):
            raise InputError(
                f"evaluate.benchmarks.{benchmark.folder.name}: {len(too_long)} of {len(known)} "
                f"prompts that were looked at leave no room for an answer (at most "
                f"{max(too_long)} tokens and {answer} for the answer, "
                f"rollout.vllm.max_model_tokens is {most}); raise that, or lower max_frames or "
                "max_area_px in its conditions"
            )


def _configured(name: str, given: BenchmarkConfig, seed: int) -> BenchmarkFolder:
    where = f"config evaluate.benchmarks.{name}"
    folder = find_folder(given.folder, f"{where}.folder")
    usual = name if name in BENCHMARKS else "viubench" if is_built(folder) else "universal"
    adapter = given.adapter or usual
    if adapter not in BENCHMARKS:
        raise InputError(
            f"{where}.adapter: got {adapter!r}, expected one of {', '.join(BENCHMARKS)}"
        )
    return BenchmarkFolder(
        name=name,
        folder=folder,
        conditions=changed(
            BENCHMARKS[adapter].conditions, given.conditions, f"{where}.conditions: "
        ),
        adapter=adapter,
        limit=given.limit,
        seed=seed,
    )


def _folders(benchmarks: str) -> dict[str, str]:
    is_object = benchmarks.lstrip()[:1] in ("", "{")
    named = {} if is_object else _known_below(benchmarks)
    if not named:
        given = read_object(benchmarks, "benchmarks", _EXPECTED)
        named = {name: str(folder) for name, folder in given.items()}
    unknown = [f"unknown {name!r}" for name in named if name not in BENCHMARKS]
    if unknown or not named:
        raise InputError(
            f"benchmarks: {unknown[0] if unknown else f'none in {benchmarks!r}'}; {_EXPECTED}"
        )
    return {name: find_folder(folder, f"benchmarks: {name}") for name, folder in named.items()}


def _known_below(folder: str) -> dict[str, str]:
    return {
        name: found
        for name, found in subfolders(folder, "benchmarks").items()
        if name in BENCHMARKS
    }


def _say_missing(folder: BenchmarkFolder, samples: Sequence[Sample]) -> None:
    """Before any model is loaded: a folder with another layout costs hours else."""
    reasons = [reason for sample in samples if (reason := missing_of(sample))]
    if reasons:
        logger.warning(
            "%s: the videos of %d of %d questions were not found in %s, e.g. %s",
            *(folder.name, len(reasons), len(samples), folder.folder, reasons[0]),
        )


def _say_unreadable(folder: BenchmarkFolder, tokens: PromptTokens) -> None:
    if tokens.unreadable:
        name, reason = next(iter(tokens.unreadable.items()))
        logger.warning(
            "%s: %d of %d videos in %s cannot be opened, e.g. %s: %s",
            *(folder.name, len(tokens.unreadable), tokens.num_opened, folder.folder, name, reason),
        )


def _shards(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    """At least `size` questions each, except for the last; a shard ends where a video ends."""
    shard: list[Sample] = []
    # A video is decoded once for the questions on it that follow each other.
    by_video = sorted(samples, key=lambda sample: (video_of(sample), sample.sample_id))
    for _, questions in groupby(by_video, key=video_of):
        shard += questions
        if len(shard) >= size:
            yield shard
            shard = []
    if shard:
        yield shard


def video_of(sample: Sample) -> tuple[tuple[str, ...], float, float]:
    """What is opened for a question: files, and which part of them; or the clips of a benchmark
    built here."""
    files = [view.file for view in sample.views if view.file]
    if not files:
        return tuple(view.clip_id for view in sample.views), 0.0, 0.0
    paths = tuple(path for file in files for path in file.paths)
    starts = [file.start_seconds or 0.0 for file in files]
    return paths, min(starts), max(file.stop_seconds or 0.0 for file in files)
