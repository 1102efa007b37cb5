"""What the adapters share: an adapter says how its files become samples, the rest follows.

Headlines are means over units. A unit is one question, or all questions of a group, right only if
all are; strata are parts that count equally however many questions they have.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from pathlib import Path
from statistics import fmean

from rewards.answers import Answer
from rewards.parse import format_answer
from tasks.benchmarks.answer_space import expected_score
from tasks.benchmarks.choices import CHOICE_WORDS, read_choice
from tasks.benchmarks.conditions import PAPER_FRAMES, Conditions, deviations
from tasks.benchmarks.files import BenchmarkFiles, open_files
from tasks.benchmarks.lookup import VideoFolder, stem_of
from tasks.benchmarks.protocol import AnswerScore, BenchmarkResult, PartScore
from tasks.benchmarks.reading import Reader, Reading
from tasks.benchmarks.viubench.folder import is_built
from tasks.benchmarks.wording import Words
from tasks.core.errors import InputError
from tasks.core.statistics import ItemScore, estimate
from tasks.core.types import BenchmarkFacts, Sample, Split, VideoFile, View

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkSource:
    """Where a benchmark lies and how it will be asked: what a loader gets."""

    files: BenchmarkFiles
    conditions: Conditions

    @property
    def root(self) -> Path:
        """All names, and the annotations."""
        return self.files.root()

    @cached_property
    def videos(self) -> VideoFolder:
        """Finds videos by name."""
        return VideoFolder(self.root)


Score = Callable[[AnswerScore], float]
Units = Callable[[Sequence[AnswerScore], Score], dict[str, ItemScore]]
"""What a headline is a mean of, by the id of the question or group."""


def each_question(rows: Sequence[AnswerScore], score: Score) -> dict[str, ItemScore]:
    """Every question counts the same."""
    return {row.sample_id: ItemScore(score=score(row), video=row.video) for row in rows}


def mean_of(tag: str) -> Units:
    """Every value of `tag` counts the same."""

    def units(rows: Sequence[AnswerScore], score: Score) -> dict[str, ItemScore]:
        return {
            row.sample_id: ItemScore(score=score(row), video=row.video, stratum=row.tags[tag][0])
            for row in rows
        }

    return units


def whole_groups(size: int) -> Units:
    """A group is right only if its `size` questions are all there and all right."""

    def units(rows: Sequence[AnswerScore], score: Score) -> dict[str, ItemScore]:
        # The clips of a group are shown for it alone, so the group is what counts as one video.
        groups: defaultdict[str, list[AnswerScore]] = defaultdict(list)
        for row in rows:
            groups[row.group].append(row)
        return {
            group: ItemScore(
                score=prod(map(score, members)) if len(members) == size else 0.0, video=group
            )
            for group, members in sorted(groups.items())
        }

    return units


def kind_of(sample: Sample) -> str:
    """The type of a question, unless its adapter knows better."""
    return sample.kind


def no_metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    """For benchmarks with a headline only."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One benchmark: everything that its file says about it."""

    name: str
    load: Callable[[BenchmarkSource], Iterator[Sample]]
    num_items: int | None = None
    """Of the published files; another number is worth a warning. None: not known."""
    read: Reader = read_choice
    units: Units = each_question
    metrics: Callable[[Sequence[AnswerScore]], dict[str, float]] = no_metrics
    official_units: Units | None = None
    """Of the official scripts, if they average in another way."""
    type_of: Callable[[Sample], str] = kind_of
    """The benchmark's own type of a question: what a limit is drawn in proportion to."""
    keeps_dropped: bool = False
    """Whether the official script counts as wrong what `Reading.dropped` says the paper's leaves
    out."""
    words: Words = CHOICE_WORDS
    write: Callable[[Answer], str] = format_answer
    """An answer as the questions ask for it."""
    conditions: Conditions = field(default_factory=Conditions)
    """The paper's."""
    frames: tuple[int, ...] = PAPER_FRAMES
    choices: tuple[str, ...] = ()

    def open(
        self,
        folder: str | Path,
        conditions: Conditions | None = None,
        num_available: int | None = None,
    ) -> "FolderBenchmark":
        """The benchmark in `folder`, a path or a URI, under the paper's conditions unless others
        are given."""
        return FolderBenchmark(
            self, open_files(folder), conditions or self.conditions, num_available
        )


@dataclass(frozen=True)
class FolderBenchmark:
    """An adapter at work on a folder; implements `protocol.Benchmark`."""

    adapter: Adapter
    files: BenchmarkFiles
    conditions: Conditions
    num_available: int | None = None
    """Questions in the files, if they were counted: what the published number is compared with."""

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def root(self) -> Path:
        return self.files.root()

    def samples(self) -> Iterator[Sample]:
        try:
            yield from self._samples()
        except InputError as error:
            raise InputError(self.files.as_given(error.message)) from error

    def _samples(self) -> Iterator[Sample]:
        num_samples, seen = 0, set()
        for sample in self.adapter.load(BenchmarkSource(self.files, self.conditions)):
            if sample.sample_id in seen:
                raise InputError(
                    f"{self.files.folder}: two questions have the id {sample.sample_id!r}; is a "
                    "file there twice?"
                )
            seen.add(sample.sample_id)
            num_samples += 1
            yield sample
        for warning in self._size_warnings(num_samples):
            logger.warning("%s: %s", self.name, warning)

    def judge(self, sample: Sample, text: str) -> AnswerScore:
        return self._score(sample, self.adapter.read(sample, text))

    def fail(self, sample: Sample, reason: str) -> AnswerScore:
        return self._score(sample, Reading(), reason)

    def _score(self, sample: Sample, reading: Reading, failure: str = "") -> AnswerScore:
        facts = sample.benchmark or BenchmarkFacts()
        return AnswerScore(
            **vars(reading),
            sample_id=sample.sample_id,
            video=sample.views[0].clip_id,
            failure=failure,
            # What stands for a row that cannot be used has no right answer.
            chance=expected_score(sample) if sample.answer else 0.0,
            group=facts.group,
            tags=facts.tags,
        )

    def units(self, scores: Sequence[AnswerScore]) -> dict[str, ItemScore]:
        return self.adapter.units(sorted(scores, key=lambda row: row.sample_id), _paper)

    def aggregate(self, scores: Sequence[AnswerScore]) -> BenchmarkResult:
        # Sums of floats depend on their order, and rows come in any.
        rows = sorted(scores, key=lambda row: row.sample_id)
        if len({row.sample_id for row in rows}) < max(1, len(rows)):
            raise ValueError(
                f"{self.name}: {len(rows)} rows, expected at least one and each question once"
            )
        shown = [row for row in rows if not row.failure]
        official = [row for row in shown if self.adapter.keeps_dropped or not row.dropped]
        units, official_units = (
            self.adapter.units,
            self.adapter.official_units or self.adapter.units,
        )
        # A guesser is shown no video either, so such a question is worth nothing to it.
        chances = [0.0 if row.failure else row.chance for row in rows]

        return BenchmarkResult(
            benchmark=self.name,
            headline=estimate(units(rows, _paper).values()),
            robust=estimate(units(rows, _robust).values()),
            chance=None if None in chances else mean(units(rows, _chance)),
            official_like=mean(official_units(official, _paper)) if official else None,
            official_metrics=self.adapter.metrics(official) if official else {},
            num_items=len(rows),
            num_missing=len(rows) - len(shown),
            num_unparsed=sum(not row.paper_parsed for row in shown),
            num_unparsed_robust=sum(not row.robust_parsed for row in shown),
            missing_reasons=dict(Counter(row.failure for row in rows if row.failure)),
            breakdown=self._breakdown(rows),
            metrics=self.adapter.metrics(rows),
            deviations=deviations(
                self.conditions, self.adapter.conditions, self.adapter.words, self.adapter.frames
            ),
            words=self.adapter.words.note(self.conditions.wording),
            choices=self.adapter.choices,
            warnings=tuple(self._size_warnings(self.num_available)),
        )

    def _breakdown(self, rows: Sequence[AnswerScore]) -> dict[str, dict[str, PartScore]]:
        parts: defaultdict[str, defaultdict[str, list[AnswerScore]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row in rows:
            for tag, values in row.tags.items():
                for value in values:
                    parts[tag][value].append(row)
        return {
            tag: {
                value: _part(self.adapter.units(members, _paper), len(members))
                for value, members in sorted(by_value.items())
            }
            for tag, by_value in sorted(parts.items())
        }

    def _size_warnings(self, found: int | None) -> list[str]:
        """`found` are all questions of the files, however many of them a limit chose."""
        expected = self.adapter.num_items
        # What was built here has as many as its builder wanted.
        if expected is None or found in (None, expected) or is_built(self.files.folder):
            return []
        return [f"{found} questions in the files, the published ones have {expected}"]


def _part(units: Mapping[str, ItemScore], num_items: int) -> PartScore:
    found = estimate(units.values())
    return PartScore(score=found.mean, se=found.se, num_items=num_items)


def mean(units: Mapping[str, ItemScore]) -> float:
    """Mean of the strata's means."""
    strata: defaultdict[str, list[float]] = defaultdict(list)
    for unit in units.values():
        strata[unit.stratum].append(unit.score)
    return fmean(map(fmean, strata.values()))


def make_sample(
    name: str,
    item_id: str | int,
    *,
    kind: str,
    files: Sequence[tuple[str, VideoFile]],
    question: str,
    answer: str,
    answer_kind: str = "choice",
    facts: BenchmarkFacts,
    group: str = "",
    tags: Mapping[str, str | Sequence[str]] | None = None,
) -> Sample:
    """A question of benchmark `name`; `files` are (video's name, its file), `tags` the breakdowns
    that it counts in; an empty one is left out.
    """
    listed = {
        tag: (found,) if isinstance(found, str) else tuple(found)
        for tag, found in (tags or {}).items()
        if found
    }
    return Sample(
        sample_id=f"{name}/{item_id}",
        split=Split.BENCHMARK,
        pretext=name,
        kind=kind,
        level=0.0,
        views=tuple(
            # Frames are chosen when the file is opened: nobody knows its length here.
            View(clip_id=stem_of(video), start_frame=0, stop_frame=0, file=file)
            for video, file in files
        ),
        question=question,
        answer=answer,
        answer_kind=answer_kind,
        seed=0,
        benchmark=replace(facts, group=group, tags=listed),
    )


def _paper(row: AnswerScore) -> float:
    return row.paper


def _robust(row: AnswerScore) -> float:
    return row.robust


def _chance(row: AnswerScore) -> float:
    return 0.0 if row.failure else row.chance or 0.0
