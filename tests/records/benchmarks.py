"""Published benchmarks in folders made up: what is read, what fixed models answer, and what that is
worth."""

from pathlib import Path

from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.clips import make_clip
from tests.records.plans import digest_of_sample
from tests.records.product.data import Sample, Split, plan_benchmark_items
from tests.records.product.scores import (
    Judgement,
    build_benchmark,
    judge_texts,
    open_benchmark,
    random_answers,
)

_SPOKEN = (
    "{}",
    "The answer is {}.",
    "<think>not B, not 1.0-2.0</think> {}",
    "({})",
    "B",
    "A. a thing",
    "1.0 to 5.5 seconds",
    "3, 1, 2",
    "2,1,3",
    "no idea",
    "",
    "Answer: {} because it moves",
)
"""Said in turn; {} stands for the right answer."""


def published(seed: int, folder: Path) -> object:
    """Each adapter: its questions, scripted answers and random ones; the seed turns the script and
    draws the random."""
    found: dict[str, object] = {}
    for name, (write, _) in FOLDERS.items():
        (folder / name).mkdir()
        write(folder / name)
        opened = open_benchmark(name, folder / name)
        samples = list(opened.samples())
        scripted = {
            sample.sample_id: _SPOKEN[(place * 5 + seed) % len(_SPOKEN)].format(sample.answer)
            for place, sample in enumerate(samples)
        }
        found[name] = {
            "questions": {}
            if seed
            else {sample.sample_id: _question(sample) for sample in samples},
            "scripted": _told(judge_texts(opened, samples, scripted)),
            "random": _told(
                judge_texts(opened, samples, random_answers(samples, seed, times=(0.0, 2.0, 9.5)))
            ),
        }
    return found


def built(seed: int, folder: Path) -> object:
    """A VIUBench of one's own: version, exact chance, and random answers on it."""
    clips = [make_clip(name, split=Split.HELDOUT, side_px=256) for name in "abc"]
    items = plan_benchmark_items(clips, 3, seed)
    where, card = build_benchmark(folder, items, clips, 3, seed)
    opened = open_benchmark("viubench", where)
    samples = list(opened.samples())
    times = clips[0].timestamps_seconds
    return {
        "version": card.version,
        "chance": card.chance,
        "types": {
            name: [part.found, part.missing, part.example_answer, part.chance]
            for name, part in card.types.items()
        },
        "random": _told(judge_texts(opened, samples, random_answers(samples, seed, times))),
        "right": _told(
            judge_texts(opened, samples, {sample.sample_id: sample.answer for sample in samples})
        ),
    }


def _question(sample: Sample) -> str:
    facts = sample.benchmark
    assert facts is not None
    return (
        f"{sample.answer_kind} {sample.answer} {facts.letters} {digest_of_sample(sample)} "
        f"{facts.group}"
    ).rstrip()


def _told(found: Judgement) -> dict[str, object]:
    return {
        "headline": found.headline,
        "robust": found.robust,
        "as the paper's scripts": found.official_like,
        "questions, missing, unparsed, unparsed robustly": found.counts,
        "metrics": found.metrics,
        "breakdown": found.breakdown,
        "answers": found.lines,
    }
