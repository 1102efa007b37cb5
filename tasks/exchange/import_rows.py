"""A foreign data set -> clips and samples, as validate, calibrate, train and evaluate take them.

A row that cannot be used is counted with file, row and field; it never stops the rest. Videos are
read once each, in worker processes with limits, as ingest does it.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from tasks.core.checks import at_least, check, one_of
from tasks.core.choose import choose_at_random
from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.manifest import write_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample, Split, StageReport
from tasks.exchange.files import read_records
from tasks.exchange.import_videos import ImportedVideo, VideoJob, import_video, read_video
from tasks.exchange.layouts import parse_record
from tasks.exchange.row import Origin, Row, RowError, VideoFiles, short
from tasks.exchange.sample import check_row, read_answer, sample_of
from tasks.exchange.video_paths import VideoPaths
from tasks.video.errors import kind_of
from tasks.video.isolation import Limits, in_threads, isolated

logger = logging.getLogger(__name__)

KEEP_SPLIT = "keep"
"""Every row keeps the split that it names."""


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What to import, and how."""

    file: Path
    videos: VideoPaths
    config: IngestConfig
    split: str = Split.TRAIN.value
    """A split for all rows, or `keep`."""
    limit: int = 0
    """Most rows to take, drawn at random; 0 takes all."""
    seed: int = 0
    """Of that draw."""

    def __post_init__(self) -> None:
        check(self, one_of(KEEP_SPLIT, *Split), "split")
        check(self, at_least(0), "limit")


def import_rows(store: Store, plan: ImportPlan) -> DataSet:
    """Read the data set, then its videos.

    Raises:
        InputError: the file cannot be read, or no row of it can be used.
    """
    rejected: list[Rejection] = []
    usable = list(_usable_rows(plan, rejected))
    # Drawn from the usable ones, before their videos are read: bad rows do not use up the limit,
    # and no video is read for a row that is left out.
    rows = choose_at_random(usable, plan.limit, lambda row: row.number, "limit", plan.seed)
    videos = _import_videos(store, rows, plan.config)
    samples: dict[int, Sample] = {}
    clips: dict[str, Clip] = {}
    for number, sample, shown in _samples(rows, videos, plan, rejected):
        samples[number] = sample
        for clip in shown:
            clips.setdefault(clip.clip_id, clip)
    if not samples:
        example = f", e.g. {rejected[0].source}: {rejected[0].detail}" if rejected else ""
        raise InputError(
            f"dataset: none of the {len(rejected)} rows of {str(plan.file)!r} can be used{example}"
        )
    by_id = [clips[clip_id] for clip_id in sorted(clips)]
    return _write(store, by_id, samples, rejected, num_beyond_limit=len(usable) - len(rows))


@dataclass(frozen=True, kw_only=True)
class _UsableRow:
    """A row with a right answer, whose videos are still to be read."""

    number: int
    row: Row
    split: Split
    jobs: tuple[VideoJob, ...]


def _usable_rows(plan: ImportPlan, rejected: list[Rejection]) -> Iterator[_UsableRow]:
    for number, record in read_records(plan.file):
        try:
            yield _usable_row(number, record, plan)
        except RowError as error:
            rejected.append(_rejection(plan, number, error))
        except Exception as error:  # One row must not end an import of thousands.
            logger.exception("row %d: unexpected error", number)
            detail = f"{type(error).__name__}: {short(str(error))}"
            rejected.append(
                _rejection(plan, number, RowError("", detail, reason="unexpected error"))
            )


def _usable_row(number: int, record: object, plan: ImportPlan) -> _UsableRow:
    row = parse_record(record)
    check_row(row)
    read_answer(row)  # without a right answer its videos are not worth reading
    split = _split_of(row, plan)
    jobs = tuple(_job(video, split, plan) for video in row.videos)
    return _UsableRow(number=number, row=row, split=split, jobs=jobs)


def _job(video: VideoFiles, split: Split, plan: ImportPlan) -> VideoJob:
    return VideoJob(
        paths=tuple(map(plan.videos.locate, video.paths)),
        is_frames=video.is_frames,
        fps=video.fps,
        timestamps_seconds=video.timestamps_seconds,
        source=video.paths[0],
        # Clips know two sides: whatever is not for training is held out.
        split=Split.TRAIN if split is Split.TRAIN else Split.HELDOUT,
        config=plan.config,
    )


def _split_of(row: Row, plan: ImportPlan) -> Split:
    name = row.split if plan.split == KEEP_SPLIT else plan.split
    if name not in list(Split):
        raise RowError("split", f"got {short(name)}, expected one of {', '.join(Split)}")
    return Split(name)


_JobKey = tuple[tuple[Path, ...], float, tuple[float, ...], Split]
"""What makes two jobs the same: whatever the rows call their video, it is read once."""


def _key(job: VideoJob) -> _JobKey:
    return job.paths, job.fps, job.timestamps_seconds, job.split


def _import_videos(
    store: Store, rows: Iterable[_UsableRow], config: IngestConfig
) -> dict[_JobKey, ImportedVideo]:
    jobs: dict[_JobKey, VideoJob] = {}
    for row in rows:
        for job in row.jobs:
            # Many rows ask about one video, which is decoded for the first of them.
            jobs.setdefault(_key(job), job)
    keys, limits = list(jobs), Limits.of(config)
    with isolated(read_video, limits) as read:
        imported = in_threads(partial(import_video, store, read=read), list(jobs.values()), limits)
        return {
            keys[at]: video
            for at, video in tqdm(imported, total=len(keys), desc="import", unit="video")
        }


def _samples(
    rows: Iterable[_UsableRow],
    videos: Mapping[_JobKey, ImportedVideo],
    plan: ImportPlan,
    rejected: list[Rejection],
) -> Iterator[tuple[int, Sample, list[Clip]]]:
    """(row number, sample, what it shows) of every row whose videos could be read."""
    used: set[str] = set()
    sides: dict[str, Split] = {}
    for row in rows:
        try:
            sample_id = row.row.sample_id or f"{plan.file.stem}-{row.number}"
            if sample_id in used:
                raise RowError("sample_id", f"{short(sample_id)} was used by an earlier row")
            clips = [_clip_of(videos[_key(job)]) for job in row.jobs]
            sample = sample_of(row.row, clips, sample_id, row.split)
            _check_sides(sample, clips, sides)
        except RowError as error:
            rejected.append(_rejection(plan, row.number, error))
        else:
            used.add(sample_id)
            yield row.number, sample, clips


def _clip_of(video: ImportedVideo) -> Clip:
    if video.clip is None:
        raise RowError("videos", video.error)
    return video.clip


def _check_sides(sample: Sample, clips: Iterable[Clip], sides: dict[str, Split]) -> None:
    """A video stays on the side where it was first seen, whatever its files are called."""
    own = {clip.clip_id: clip.split for clip in clips}
    if any(sides.get(clip_id, split) is not split for clip_id, split in own.items()):
        raise RowError(
            "split",
            f"a video of {sample.sample_id!r} is on the other side of the split in an earlier row",
        )
    sides.update(own)


def _rejection(plan: ImportPlan, number: int, error: RowError) -> Rejection:
    return Rejection(
        source=f"{plan.file.name}, row {number}", reason=error.reason, detail=str(error)
    )


def _write(
    store: Store,
    clips: list[Clip],
    samples: Mapping[int, Sample],
    rejected: list[Rejection],
    *,
    num_beyond_limit: int,
) -> DataSet:
    rows = list(samples.values())
    origins = [Origin(sample_id=sample.sample_id, row=number) for number, sample in samples.items()]
    key = f"imported/{digest_of(*clips, *rows, *origins, *rejected)}"
    counts = Counter(
        rows=len(rows) + len(rejected) + num_beyond_limit,
        samples=len(rows),
        clips=len(clips),
        rejected=len(rejected),
        beyond_limit=num_beyond_limit,
    )
    counts.update(f"rejected/{row.reason}" for row in rejected)
    counts.update(f"warning/{kind}" for clip in clips for kind in set(map(kind_of, clip.warnings)))
    counts.update(f"samples_{sample.split.value}" for sample in rows)
    counts.update(f"samples_{sample.pretext}" for sample in rows)
    return DataSet(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        samples=write_rows(store, f"{key}/samples.parquet", Sample, rows),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
        origins=write_rows(store, f"{key}/origins.parquet", Origin, origins),
        reports=[
            StageReport(
                stage="import", seconds=0.0, counts={name: float(n) for name, n in counts.items()}
            )
        ],
    )
