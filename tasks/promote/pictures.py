"""Contact sheets and videos of held-out samples with the answers before and after, some for each
pretext task."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from tasks.core.choose import shuffled
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.types import Sample, Split
from tasks.promote.evidence import Evidence
from tasks.video.preview import draw_each, preview_mp4, preview_name, preview_sheet


def sample_pictures(store: Store, evidence: Evidence, num_per_pretext: int = 2) -> dict[str, bytes]:
    """PNG bytes by file name; a sample that cannot be rendered is left out with a warning."""
    clips = {clip.clip_id: clip for clip in evidence.clips}
    scored = {
        name: {row.sample_id: row for row in evidence.predictions[name]} for name in (BEFORE, AFTER)
    }

    def draw(sample: Sample) -> bytes:
        answers = {
            name: rows[sample.sample_id]
            for name, rows in scored.items()
            if sample.sample_id in rows
        }
        return preview_sheet(store, sample, clips, _notes(answers))

    drawn = draw_each(choose_samples(evidence.samples, num_per_pretext), draw)
    return {
        f"samples/{preview_name(number, sample)}.png": png
        for number, (sample, png) in enumerate(drawn)
    }


def sample_videos(
    store: Store, evidence: Evidence, most: int = 3, most_bytes: int = 750_000
) -> dict[str, bytes]:
    """mp4 bytes by file name, one for each pretext task; one that fails or is too large for the
    report is left out."""
    clips = {clip.clip_id: clip for clip in evidence.clips}

    def draw(sample: Sample) -> bytes:
        video = preview_mp4(store, sample, clips)
        if len(video) > most_bytes:
            raise ValueError(
                f"its video takes {len(video)} bytes, the report's limit is {most_bytes}"
            )
        return video

    drawn = draw_each(choose_samples(evidence.samples, 1)[:most], draw)
    return {
        f"previews/{preview_name(number, sample)}.mp4": video
        for number, (sample, video) in enumerate(drawn)
    }


def choose_samples(samples: Sequence[Sample], num_per_pretext: int) -> list[Sample]:
    """The same held-out samples each time, of different kinds as far as there are any."""
    heldout = [sample for sample in samples if sample.split == Split.HELDOUT]
    # Sorting is stable: inside a pretext task the shuffled order stays.
    in_turn = sorted(shuffled(heldout, lambda s: s.sample_id, "picture"), key=lambda s: s.pretext)
    chosen = []
    for _, group in groupby(in_turn, key=lambda s: s.pretext):
        members = list(group)
        # From the back, so that the first of a kind is what stays in the dict.
        first_of_kind = {sample.kind: sample for sample in reversed(members)}
        one_each = [sample for sample in members if first_of_kind[sample.kind] is sample]
        others = [sample for sample in members if first_of_kind[sample.kind] is not sample]
        chosen += (one_each + others)[:num_per_pretext]
    return chosen


def _notes(answers: Mapping[str, SampleScore]) -> list[str]:
    return [
        f"{name}: {' | '.join(row.answers) or row.failure}   (mean reward {row.score:.2f})"
        for name, row in answers.items()
    ]
