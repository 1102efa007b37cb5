"""Pictures of held-out jigsaws: the parts as shown, in the right order, and in the order that each
model gave."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rewards.answers import AnswerKind, Permutation
from rewards.parse import parse_answer
from tasks.core.choose import shuffled
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split
from tasks.promote.evidence import Evidence
from tasks.video.contact_sheet import SheetRow, contact_sheet
from tasks.video.frames import Frames
from tasks.video.preview import draw_each
from tasks.video.render import render_sample

_TILES = 8
"""Of a row: that many fit into one line of a sheet."""


def jigsaw_pictures(
    store: Store, evidence: Evidence, num_per_size: int = 2, most: int = 6
) -> dict[str, bytes]:
    """PNG bytes by file name, equally many of each number of parts; one that cannot be rendered is
    left out with a warning."""
    clips = {clip.clip_id: clip for clip in evidence.clips}
    scored = {
        name: {row.sample_id: row for row in evidence.predictions[name]} for name in (BEFORE, AFTER)
    }

    def draw(sample: Sample) -> bytes:
        answers = {name: rows[sample.sample_id] for name, rows in scored.items()}
        return draw_jigsaw(store, sample, clips, answers)

    drawn = draw_each(choose_jigsaws(evidence.samples, num_per_size)[:most], draw)
    return {
        f"jigsaws/{number:03d}-{len(sample.answer)}_parts.png": png
        for number, (sample, png) in enumerate(drawn)
    }


def choose_jigsaws(samples: Sequence[Sample], num_per_size: int) -> list[Sample]:
    """The same held-out ones each time, whatever was answered; those of fewest parts first."""
    heldout = [
        sample
        for sample in samples
        if sample.split == Split.HELDOUT and sample.answer_kind == AnswerKind.PERMUTATION
    ]
    by_size: dict[int, list[Sample]] = {}
    for sample in shuffled(heldout, lambda s: s.sample_id, "jigsaw picture"):
        by_size.setdefault(len(sample.answer), []).append(sample)
    return [sample for size in sorted(by_size) for sample in by_size[size][:num_per_size]]


def draw_jigsaw(
    store: Store, sample: Sample, clips: Mapping[str, Clip], answers: Mapping[str, SampleScore]
) -> bytes:
    """A PNG; `answers` by model.

    Raises:
        ValueError: the right answer is no order of the parts that are shown.
    """
    right = _order(sample.answer, len(sample.answer))
    if right is None:
        raise ValueError(f"its answer {sample.answer!r} is no order")
    videos = render_sample(store, sample, clips)
    # Kind `clips` shows each part as a video of its own, kind `video` one after another in one.
    shown = np.concatenate([video.frames for video in videos])
    parts = np.split(shown[: len(shown) // len(right) * len(right)], len(right))
    rows = [
        _row(parts, range(1, len(parts) + 1), "as shown"),
        _row(parts, right, f"right order: {sample.answer}"),
        *_answer_rows(parts, right, answers),
    ]
    title = f"{sample.pretext} · {sample.kind} · level {sample.level:g}"
    return contact_sheet(rows, [title, sample.question], most_tiles=max(_TILES, len(right)))


def _answer_rows(
    parts: Sequence[Frames], right: Sequence[int], answers: Mapping[str, SampleScore]
) -> Iterator[SheetRow]:
    for model, row in answers.items():
        # Greedy answers say best what a model knows; scores from before they were kept have none.
        text = row.greedy_answer or next(iter(row.answers), "")
        order = _order(text, len(right))
        if order is None:
            said = f"answered {text!r}, which is no order of {len(right)} parts"
            yield _row(parts, (), f"{model}: {row.failure or said}")
            continue
        verdict = "right" if order == right else "wrong"
        yield _row(parts, order, f"{model}: {text}, {verdict}", right)


def _row(
    parts: Sequence[Frames], order: Sequence[int], label: str, right: Sequence[int] = ()
) -> SheetRow:
    """The parts in `order` (numbers as shown, from 1), each as its first frames to its last; one
    that stands elsewhere in `right` gets a border. Without an order the label alone."""
    each = max(1, _TILES // len(parts))
    if not order:
        return SheetRow(frames=parts[0][:0], label=label)
    tiles = [_evenly(parts[number - 1], each) for number in order]
    wrong = [place for place, number in enumerate(order) if right and right[place] != number]
    return SheetRow(
        frames=np.concatenate(tiles),
        marked=[place * each + tile for place in wrong for tile in range(each)],
        label=label,
        names=[f"part {number}" for number in order for _ in range(each)],
    )


def _evenly(part: Frames, number: int) -> Frames:
    """`number` frames from the first to the last; short parts show some twice."""
    chosen: Frames = part[np.linspace(0, len(part) - 1, number).round().astype(int)]
    return chosen


def _order(text: str, num_parts: int) -> tuple[int, ...] | None:
    answer = parse_answer(text, AnswerKind.PERMUTATION)
    if isinstance(answer, Permutation) and len(answer.positions) == num_parts:
        return answer.positions
    return None
