"""ActivityNet Captions as grounding: one query for each sentence of the validation set (Krishna et
al.).

The paper says "validation set", of which there are two: val_1 is the default, val_2 (which other
grounding papers call their test set) has its own entry.

Forms that are read: the authors' `val_1.json` and `val_2.json`, also as `val.json` and `test.json`
of other exports. Videos are called `v_` and their YouTube id; they lie in the archives' folders, or
in one called `videos`.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource
from tasks.benchmarks.annotations import find_file, read_nested
from tasks.benchmarks.grounding import grounding_adapter, grounding_sample
from tasks.core.types import Sample

_FOLDERS = ("videos", "v1-2/val", "v1-3/train_val", "train_val", "val")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Row:
    duration: float
    timestamps: list[tuple[float, float]]
    sentences: list[str]


def _loader(name: str, *files: str) -> Callable[[BenchmarkSource], Iterator[Sample]]:
    def load(source: BenchmarkSource) -> Iterator[Sample]:
        for where, row in read_nested(find_file(source.root, *files), _Row):
            if len(row.timestamps) != len(row.sentences):
                raise where.error(
                    "sentences", f"{len(row.sentences)} for {len(row.timestamps)} timestamps"
                )
            video = str(where.row)
            file = source.videos.find(video, _FOLDERS, link_id=video.removeprefix("v_"))
            for number, (window, sentence) in enumerate(
                zip(row.timestamps, row.sentences, strict=True)
            ):
                start, end = (min(max(time, 0.0), row.duration) for time in window)
                if start >= end:
                    logger.warning(
                        "%s: %s, sentence %d left out: no time is left inside the video",
                        name,
                        video,
                        number,
                    )
                    continue
                yield grounding_sample(
                    name,
                    f"{video}-{number}",
                    file=(video, file),
                    query=sentence,
                    windows=[(start, end)],
                    conditions=source.conditions,
                )

    return load


def _adapter(name: str, split: str, num_items: int, *files: str) -> Adapter:
    return grounding_adapter(name, _loader(name, *files), num_items, choices=(f"split: {split}",))


ACTIVITYNET = _adapter("activitynet", "val_1", 17505, "val_1.json", "val.json")
ACTIVITYNET_VAL_2 = _adapter("activitynet_val_2", "val_2", 17031, "val_2.json", "test.json")
