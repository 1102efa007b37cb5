"""The card of a VIUBench made from videos of one's own: what it holds, what guessing is worth on
it. Pure.

The version is a digest of the items and of the content of the clips, not of names or of how they
are written down:
the same videos, settings and seed give the same version wherever they lie.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath

from rewards.answers import AnswerKind
from tasks.benchmarks.viubench.chance import Chance, chance_by_type, chance_overall
from tasks.core.digest import digest_of
from tasks.core.types import Artifact, Clip, Sample
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type

_FORMATS = {
    AnswerKind.INTERVAL: "start-end in seconds with one decimal; scored by overlap (mean IoU)",
    AnswerKind.COUNTS: "whole numbers with commas, in the order asked for; scored by the share "
    "that is right",
    AnswerKind.PERMUTATION: "positions of the clips in order, digits only; right or wrong as a "
    "whole",
}
LIMITATIONS = (
    "The questions are made by altering videos, not written by people: a score says how well "
    "changes in pixels, counts and order are seen, not how well a video is understood.",
    "Items on one video are not independent: a model's errors are taken over videos, and few "
    "videos say little.",
    "Scores compare only within one version: other videos, seeds or settings make another "
    "benchmark.",
    "The frames stay in the data root that the benchmark was built in; the tables refer to them.",
)


@dataclass(frozen=True, kw_only=True)
class TypeCard:
    """One of the nine types."""

    wanted: int
    found: int
    missing: int
    """No clip allowed another item that differs from the ones before."""
    answer_format: str
    example_answer: str
    chance: Chance | None
    """None if there is no item."""


@dataclass(frozen=True, kw_only=True)
class VideoCard:
    """One video that the benchmark may show."""

    name: str
    """Without its folders: where it lay on the builder's machine is nobody's business."""
    sha256: str
    duration_seconds: float
    num_items: int


@dataclass(frozen=True, kw_only=True)
class Card:
    """What `card.json` holds."""

    name: str
    version: str
    seed: int
    items: Artifact
    clips: Artifact
    types: dict[str, TypeCard]
    chance: Chance
    """Types count equally."""
    videos: tuple[VideoCard, ...]
    limitations: tuple[str, ...] = LIMITATIONS


def benchmark_version(items: Sequence[Sample], clips: Sequence[Clip]) -> str:
    """Digest of the items, in their order, and of the clips' content, in any order."""
    content = [
        asdict(replace(clip, source="", warnings=()))
        for clip in sorted(clips, key=lambda clip: clip.clip_id)
    ]
    return digest_of([asdict(item) for item in items], content)


def make_card(
    items: Sequence[Sample],
    clips: Mapping[str, Clip],
    *,
    items_per_type: int,
    seed: int,
    item_table: Artifact,
    clip_table: Artifact,
) -> Card:
    """Describe a benchmark of at least one item."""
    chances = chance_by_type(items, clips)
    version = benchmark_version(items, list(clips.values()))
    return Card(
        name=f"viubench-{version}",
        version=version,
        seed=seed,
        items=item_table,
        clips=clip_table,
        types={
            name: _type_card(name, items, items_per_type, chances.get(name))
            for name in VIUBENCH_TYPES
        },
        chance=chance_overall(chances),
        videos=tuple(
            _video_card(clip, items)
            for clip in sorted(clips.values(), key=lambda clip: clip.clip_id)
        ),
    )


def card_text(card: Card) -> str:
    """The card as Markdown."""
    return "\n".join((*_head(card), *_types(card), *_videos(card), *_end(card))) + "\n"


def _type_card(name: str, items: Sequence[Sample], wanted: int, chance: Chance | None) -> TypeCard:
    members = [item for item in items if viubench_type(item) == name]
    return TypeCard(
        wanted=wanted,
        found=len(members),
        missing=wanted - len(members),
        answer_format=_FORMATS[AnswerKind(members[0].answer_kind)] if members else "",
        example_answer=members[0].answer if members else "",
        chance=chance,
    )


def _video_card(clip: Clip, items: Sequence[Sample]) -> VideoCard:
    return VideoCard(
        name=PurePosixPath(clip.source).name,
        sha256=clip.sha256,
        duration_seconds=clip.duration_seconds,
        num_items=sum(any(view.clip_id == clip.clip_id for view in item.views) for item in items),
    )


def _head(card: Card) -> Iterator[str]:
    yield f"# {card.name}"
    yield ""
    yield (
        f"{card.items.num_rows} questions of nine types about {len(card.videos)} videos, each "
        "with an answer that"
    )
    yield "follows from how the video was altered, after the recipe of VIUBench. Made by videossr."
    yield ""
    yield f"- version: `{card.version}` (items and content of the clips)"
    yield f"- seed: {card.seed}"
    yield f"- `items.parquet`: digest `{card.items.digest}`, {card.items.num_rows} rows"
    yield f"- `clips.parquet`: digest `{card.clips.digest}`, {card.clips.num_rows} rows"
    yield ""


def _types(card: Card) -> Iterator[str]:
    yield "## Types, and what guessing scores"
    yield ""
    yield (
        "Chance is exact: the expected score of an answer drawn uniformly from the valid ones, "
        "± the standard error"
    )
    yield (
        "of a run with one guess an item. Best constant is the best answer that is the same for "
        "every item (for"
    )
    yield (
        "intervals, the same share of the video), chosen knowing the answers: with few items "
        "that is easy."
    )
    yield ""
    yield "| type | wanted | items | missing | chance | best constant | example |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for name, part in card.types.items():
        example = f"`{part.example_answer}`" if part.example_answer else ""
        yield (
            f"| {name} | {part.wanted} | {part.found} | {part.missing} | {_guess(part.chance)} "
            f"| {example} |"
        )
    wanted, missing = (
        sum(getattr(part, key) for part in card.types.values()) for key in ("wanted", "missing")
    )
    yield (
        f"| mean of types | {wanted} | {card.items.num_rows} | {missing} | "
        f"{_guess(card.chance)} | |"
    )
    yield ""
    yield "## Answers"
    yield ""
    for name, part in card.types.items():
        yield f"- {name}: {part.answer_format or 'no item'}"
    yield ""


def _guess(chance: Chance | None) -> str:
    return (
        "- | -"
        if chance is None
        else f"{chance.mean:.4f} ± {chance.se:.4f} | {chance.best_constant:.4f}"
    )


def _videos(card: Card) -> Iterator[str]:
    yield "## Videos"
    yield ""
    yield (
        "Rights stay with their owners: the benchmark grants none, and lists what it was made from."
    )
    yield ""
    yield "| video | seconds | items | sha256 |"
    yield "|---|---:|---:|---|"
    for video in card.videos:
        # A bar would end the cell of the table.
        name = video.name.replace("|", "\\|")
        yield f"| {name} | {video.duration_seconds:.1f} | {video.num_items} | `{video.sha256}` |"
    yield ""


def _end(card: Card) -> Iterator[str]:
    yield "## Limitations"
    yield ""
    yield from (f"- {line}" for line in card.limitations)
