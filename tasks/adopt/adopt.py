"""A foreign data set -> clips and samples, in the form that validate, calibrate, train and evaluate take.

A row that cannot be used is counted with file, row and field; it never stops the rest. Videos are read once each,
in worker processes with limits, as ingest does it.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tqdm import tqdm

from tasks.adopt.check import check_row
from tasks.adopt.outputs import AdoptedSet
from tasks.adopt.paths import Whereabouts
from tasks.adopt.sample import read_answer, sample_of
from tasks.adopt.video import TakenVideo, VideoJob, read_video, take_video
from tasks.core.checks import at_least, check, one_of
from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.job import DataSet
from tasks.core.manifest import write_rows
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample, Split, StageReport
from tasks.exchange.files import parse_record, read_records
from tasks.exchange.row import Origin, Row, RowError, VideoFiles, short
from tasks.video.errors import kind_of
from tasks.video.isolation import Limits, in_threads, isolated

logger = logging.getLogger(__name__)

KEEP_SPLIT = "keep"
"""Every row keeps the split that it names."""


@dataclass(frozen=True, kw_only=True)
class AdoptPlan:
    """What to take over, and how."""

    file: Path
    whereabouts: Whereabouts
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


@dataclass
class _Progress:
    """What has been found so far."""

    rows: list[tuple[int, Row, Split, tuple["_Key", ...]]] = field(default_factory=list)
    jobs: dict["_Key", VideoJob] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    num_left_out: int = 0
    """Rows beyond the limit."""


_Key = tuple[tuple[Path, ...], float, tuple[float, ...], Split]


def adopt(store: Store, plan: AdoptPlan) -> AdoptedSet:
    """Read the data set.

    Raises:
        InputError: the file cannot be read, or no row of it can be used.
    """
    found = _Progress()
    for number, record in read_records(plan.file):
        try:
            _add(found, number, record, plan)
        except RowError as error:
            found.rejected.append(_rejection(plan, number, error))
        except Exception as error:  # One row must not end an import of thousands.
            logger.exception("row %d: unexpected error", number)
            unexpected = RowError("", f"{type(error).__name__}: {short(str(error))}", reason="unexpected error")
            found.rejected.append(_rejection(plan, number, unexpected))
    _draw(found, plan)
    taken = _take_all(store, found.jobs, plan.config)
    samples = dict(_samples(found, taken, plan))
    if not samples:
        example = f", e.g. {found.rejected[0].source}: {found.rejected[0].detail}" if found.rejected else ""
        raise InputError(f"dataset: none of the {len(found.rejected)} rows of {str(plan.file)!r} can be used{example}")
    used = {view.clip_id for sample in samples.values() for view in sample.views}
    clips = {video.clip.clip_id: video.clip for video in taken.values() if video.clip and video.clip.clip_id in used}
    return _write(store, [clips[name] for name in sorted(clips)], samples, found)


def _draw(found: _Progress, plan: AdoptPlan) -> None:
    """Leave out what is beyond the limit, before any video is read."""
    if not 0 < plan.limit < len(found.rows):
        return
    in_turn = sorted(found.rows, key=lambda row: uniform_hash("limit", plan.seed, row[0]))
    found.num_left_out = len(found.rows) - plan.limit
    found.rows = sorted(in_turn[: plan.limit], key=lambda row: row[0])
    used = {key for _, _, _, keys in found.rows for key in keys}
    found.jobs = {key: job for key, job in found.jobs.items() if key in used}


def _add(found: _Progress, number: int, record: object, plan: AdoptPlan) -> None:
    row = parse_record(record)
    check_row(row)
    read_answer(row)  # without a right answer its videos are not worth reading
    split = _split_of(row, plan)
    keys = []
    for video in row.videos:
        job = _job(video, split, plan)
        key: _Key = (job.paths, job.fps, job.timestamps_seconds, job.split)
        found.jobs.setdefault(key, job)
        keys.append(key)
    found.rows.append((number, row, split, tuple(keys)))


def _job(video: VideoFiles, split: Split, plan: AdoptPlan) -> VideoJob:
    return VideoJob(
        paths=tuple(map(plan.whereabouts.locate, video.paths)),
        is_frames=video.is_frames,
        fps=video.fps,
        timestamps_seconds=video.timestamps_seconds,
        source=video.paths[0],
        split=Split.TRAIN if split is Split.TRAIN else Split.HELDOUT,
        config=plan.config,
    )


def _split_of(row: Row, plan: AdoptPlan) -> Split:
    name = row.split if plan.split == KEEP_SPLIT else plan.split
    if name not in list(Split):
        raise RowError("split", f"got {short(name)}, expected one of {', '.join(Split)}")
    return Split(name)


def _take_all(store: Store, jobs: Mapping[_Key, VideoJob], config: IngestConfig) -> dict[_Key, TakenVideo]:
    keys, limits = list(jobs), Limits.of(config)
    with isolated(read_video, limits) as read:
        taken = in_threads(partial(take_video, store, read=read), list(jobs.values()), limits)
        return {keys[index]: video for index, video in tqdm(taken, total=len(keys), desc="adopt", unit="video")}


def _samples(found: _Progress, taken: Mapping[_Key, TakenVideo], plan: AdoptPlan) -> Iterator[tuple[int, Sample]]:
    used: set[str] = set()
    sides: dict[str, Split] = {}
    for number, row, split, keys in found.rows:
        try:
            sample_id = row.sample_id or f"{plan.file.stem}-{number}"
            if sample_id in used:
                raise RowError("sample_id", f"{short(sample_id)} was used by an earlier row")
            videos = [taken[key] for key in keys]
            sample = sample_of(row, list(_clips(videos)), sample_id, split)
            _check_sides(sample, videos, sides)
        except RowError as error:
            found.rejected.append(_rejection(plan, number, error))
        else:
            used.add(sample_id)
            yield number, sample


def _check_sides(sample: Sample, videos: Iterable[TakenVideo], sides: dict[str, Split]) -> None:
    """A video stays on the side of the split where it was first seen, whatever its files are called."""
    found = {video.clip.clip_id: video.clip.split for video in videos if video.clip}
    if any(sides.get(clip_id, split) is not split for clip_id, split in found.items()):
        raise RowError("split", f"a video of {sample.sample_id!r} is on the other side of the split in an earlier row")
    sides.update(found)


def _clips(videos: Iterable[TakenVideo]) -> Iterator[Clip]:
    for video in videos:
        if video.clip is None:
            raise RowError("videos", video.error)
        yield video.clip


def _rejection(plan: AdoptPlan, number: int, error: RowError) -> Rejection:
    return Rejection(source=f"{plan.file.name}, row {number}", reason=error.reason, detail=str(error))


def _write(store: Store, clips: list[Clip], samples: Mapping[int, Sample], found: _Progress) -> AdoptedSet:
    rows, rejected = list(samples.values()), found.rejected
    origins = [Origin(sample_id=sample.sample_id, row=number) for number, sample in samples.items()]
    key = f"adopted/{digest_of(*clips, *rows, *origins, *rejected)}"
    counts = Counter(
        rows=len(rows) + len(rejected) + found.num_left_out,
        samples=len(rows),
        clips=len(clips),
        rejected=len(rejected),
        beyond_limit=found.num_left_out,
    )
    counts.update(f"rejected/{row.reason}" for row in rejected)
    counts.update(f"warning/{kind}" for clip in clips for kind in set(map(kind_of, clip.warnings)))
    counts.update(f"samples_{sample.split.value}" for sample in rows)
    counts.update(f"samples_{sample.pretext}" for sample in rows)
    data = DataSet(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
    )
    report = StageReport(stage="adopt", seconds=0.0, counts={name: float(n) for name, n in counts.items()})
    return AdoptedSet(
        data=data.with_samples(write_rows(store, f"{key}/samples.parquet", Sample, rows), report),
        origins=write_rows(store, f"{key}/origins.parquet", Origin, origins),
    )
