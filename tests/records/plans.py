"""What perturb plans for fixed clips: ids, answers and the whole content of samples and VIUBench
items."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.records import clips
from tests.records.product.data import (
    PerturbConfig,
    Sample,
    plan_benchmark_items,
    plan_samples,
    pretext_kinds,
)
from tests.records.record import plain

_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_EVERYTHING = PerturbConfig(
    pretexts=("grounding", "counting", "jigsaw", "marks"),
    grounding_kinds=pretext_kinds("grounding"),
    jigsaw_kinds=pretext_kinds("jigsaw"),
    levels=_LEVELS,
    train_samples_per_clip=(75, 5, 10, 5),
    heldout_samples_per_clip=(15, 5, 5, 2),
)
_BY_PLAN = PerturbConfig(
    levels=(0.0, 0.5), train_samples_per_clip=(12, 4, 6), heldout_samples_per_clip=(1, 1, 1)
)
_ODDS = {
    ("grounding", "mirror", 0.0): 0.5,
    ("grounding", "zoom_out", 0.5): 0.2,
    ("counting", "shapes", 0.0): 0.05,
    ("jigsaw", "clips", 0.5): 0.25,
}
_ITEMS_PER_TYPE = 6


def samples(seed: int, folder: Path) -> object:
    """Every pretext task, kind and level."""
    planned = plan_samples(clips.PLANNED, _EVERYTHING, seed)
    questions = {
        f"{sample.pretext} {sample.kind}": sample.question
        for sample in planned
        if sample.pretext != "marks"
    }
    return {"samples": _lines(planned), "questions": dict(sorted(questions.items()))}


def samples_by_plan(seed: int, folder: Path) -> object:
    """How often a difficulty plan's cells are chosen, and what comes of it."""
    planned = plan_samples(clips.PLANNED, _BY_PLAN, seed, _ODDS)
    cells = Counter(
        " ".join(map(str, sample.cell)) for sample in planned if sample.split == "train"
    )
    return {"cells of training samples": dict(sorted(cells.items())), "samples": _lines(planned)}


def viubench(seed: int, folder: Path) -> object:
    """VIUBench on the clips that are held out."""
    return {"items": _lines(plan_benchmark_items(clips.PLANNED, _ITEMS_PER_TYPE, seed))}


def _lines(planned: Iterable[Sample]) -> dict[str, str]:
    return {
        sample.sample_id: f"{sample.level} {sample.answer} {digest_of_sample(sample)}"
        for sample in planned
    }


def digest_of_sample(sample: Sample) -> str:
    """Of what a sample shows and asks; fields that a later record may add are left out."""
    content = {
        "split": sample.split,
        "cell": sample.cell,
        "seed": sample.seed,
        "question": sample.question,
        "answer": [sample.answer, sample.answer_kind],
        "views": [_view(plain(view)) for view in sample.views],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _view(view: dict[str, Any]) -> list[Any]:
    return [view["clip_id"], view["start_frame"], view["stop_frame"], view["edits"]]
