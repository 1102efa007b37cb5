"""A page to look at before training: how many samples of each kind there are, and what some of them show."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tasks.core.choose import choose_in_turn
from tasks.core.manifest import read_clips, read_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Rejection, Sample, Split
from tasks.report.page import render_page
from tasks.video.preview import preview_sheet

logger = logging.getLogger(__name__)

_MOST_SHEETS = 12


def samples_page(store: Store, clips: Artifact, rejected: Artifact, samples: Artifact, seed: int) -> str:
    """HTML with pictures inside; the same samples each time."""
    rows, by_id = read_rows(store, samples.key, Sample), read_clips(store, clips)
    sheets = []
    for sample in choose_in_turn(rows, _MOST_SHEETS, seed, "look"):
        try:
            sheets.append(preview_sheet(store, sample, by_id))
        except (OSError, ValueError, KeyError) as error:
            logger.warning("the page leaves out sample %s: %s", sample.sample_id, error)
    return render_page(
        Path(__file__).with_name("samples.html.j2"),
        splits=[split.value for split in Split],
        num_clips=Counter(clip.split.value for clip in by_id.values()),
        rejections=Counter(row.reason for row in read_rows(store, rejected.key, Rejection)),
        num_samples=_counts(rows),
        sheets=sheets,
    )


def _counts(samples: Sequence[Sample]) -> dict[str, Counter[str]]:
    """By split, for each pretext task and kind."""
    found: dict[str, Counter[str]] = {}
    for sample in sorted(samples, key=lambda s: s.cell):
        found.setdefault(f"{sample.pretext} · {sample.kind}", Counter())[sample.split.value] += 1
    return found
