"""A page to look at before training: how many samples of each kind there are, and what some of them
show."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.core.choose import choose_in_turn
from tasks.core.manifest import iterate_rows, read_clips
from tasks.core.store import Store
from tasks.core.types import Artifact, Rejection, Sample, Split
from tasks.report.page import render_page
from tasks.video.preview import draw_each, preview_sheet

_MOST_SHEETS = 12


def samples_page(
    store: Store, clips: Artifact, rejected: Artifact, samples: Artifact, seed: int
) -> str:
    """HTML with pictures inside; the same samples each time."""
    by_id, counts = read_clips(store, clips), Counter[tuple[str, str, str]]()
    # Counted on the way to being chosen: a manifest may be too large to be held, or to be read
    # twice.
    rows = _counted(iterate_rows(store, samples, Sample), counts)
    chosen = choose_in_turn(rows, _MOST_SHEETS, seed, "look")
    sheets = [
        sheet for _, sheet in draw_each(chosen, lambda sample: preview_sheet(store, sample, by_id))
    ]
    num_samples: dict[str, Counter[str]] = {}
    for (pretext, kind, split), number in sorted(counts.items()):
        num_samples.setdefault(f"{pretext} · {kind}", Counter())[split] = number
    return render_page(
        Path(__file__).with_name("samples.html.j2"),
        splits=[split.value for split in Split],
        num_clips=Counter(clip.split.value for clip in by_id.values()),
        rejections=Counter(row.reason for row in iterate_rows(store, rejected, Rejection)),
        num_samples=num_samples,
        sheets=sheets,
    )


def _counted(samples: Iterable[Sample], counts: Counter[tuple[str, str, str]]) -> Iterator[Sample]:
    """The samples, counted by pretext task, kind and split as they go by."""
    for sample in samples:
        counts[sample.pretext, sample.kind, sample.split.value] += 1
        yield sample
