"""From answers to a promotion: scores with intervals, gains, decisions. The models are fixed: a
guesser and scripts."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.helpers.clips import make_clip
from tests.records.product.data import (
    Artifact,
    Clip,
    PerturbConfig,
    PromoteConfig,
    Sample,
    Split,
    plan_benchmark_items,
    plan_samples,
)
from tests.records.product.scores import (
    AFTER,
    BEFORE,
    CHAMPION,
    ModelScores,
    SampleScore,
    decide_promotion,
    diagnose_answers,
    gains_over,
    guess,
    score_texts,
    sum_up,
)

_CONFIG = PerturbConfig(
    levels=(0.0, 0.5), train_samples_per_clip=(4, 2, 4), heldout_samples_per_clip=(4, 2, 4)
)
_SKILL = {BEFORE: 0.3, AFTER: 0.75, CHAMPION: 0.35, "alike": 0.4, "worse": 0.1}
"""Share of the answers that a script gets right; the rest is near, wrong or unreadable."""
_RULES = {
    "usual": PromoteConfig(),
    "must win everywhere": PromoteConfig(must_win=("viubench", "heldout", "overall"), may_lose={}),
    "may not lose": PromoteConfig(
        must_win=("overall",), may_lose={"heldout": 0.0, "viubench": 0.0}
    ),
    "all must be shown": PromoteConfig(min_coverage=1.0),
}


def scores(seed: int, folder: Path) -> object:
    """Of the main job, by model: means, standard errors and intervals, whole and by part; every
    row's score."""
    return {
        name: {"scores": _estimates(sum_up(rows, name)), "rows": _lines(rows)}
        for name, rows in _rows(seed).items()
    }


def promotion(seed: int, folder: Path) -> object:
    """Gains of one model over another, and what each set of rules makes of them, with and without a
    champion."""
    rows = _rows(seed)
    found: dict[str, object] = {}
    for challenger in (AFTER, "alike", "worse"):
        predictions = {BEFORE: rows[BEFORE], CHAMPION: rows[CHAMPION], AFTER: rows[challenger]}
        told = {name: sum_up(own, name) for name, own in predictions.items()}
        whole, parts = gains_over(predictions)
        found[f"gains of {challenger!r}"] = whole
        found[f"gains of {challenger!r} by part"] = parts
        for standing, champion in _champions(told).items():
            for name, rules in _RULES.items():
                decision = decide_promotion(told, whole, predictions, champion, rules)
                found[f"{challenger!r} against {standing}: {name}"] = [
                    "promoted" if decision.promoted else "not promoted",
                    decision.reason,
                    *decision.checks,
                ]
    return found


def diagnosis(seed: int, folder: Path) -> object:
    """What answers tell about a data set, for a guesser that knows its labels and a script that is
    often right."""
    samples = plan_samples(_clips(), _CONFIG, seed)
    guessed = guess(samples, 4, seed)
    scripted = {sample.sample_id: _script(sample, 0.5, seed, 4) for sample in samples}
    agreeing = {
        sample.sample_id: _script(sample, 1.0, seed, 4) for sample in samples[: len(samples) // 2]
    }
    # One wrong label: all say something else there, and not elsewhere.
    wrong = replace(samples[0], answer="0.0-0.1")
    return {
        "guesser, smooth": diagnose_answers(samples, guessed, "smooth", 4),
        "script, smooth": diagnose_answers(samples, scripted, "smooth", 4),
        "script, strict": diagnose_answers(samples, scripted, "strict", 4),
        "half not shown, one label wrong": diagnose_answers(
            [wrong, *samples[1:]], agreeing, "smooth", 4
        ),
        "guesses": {name: " | ".join(texts) for name, texts in guessed.items()},
    }


def _clips(num_heldout: int = 4) -> list[Clip]:
    splits = (Split.TRAIN, *[Split.HELDOUT] * num_heldout)
    return [
        make_clip(name, split=split, side_px=256)
        for name, split in zip("abcdefghijk", splits, strict=False)
    ]


def _rows(seed: int) -> Mapping[str, list[SampleScore]]:
    clips = _clips(num_heldout=10)  # the fewest that may promote
    planned = [
        sample for sample in plan_samples(clips, _CONFIG, seed) if sample.split == Split.HELDOUT
    ]
    samples = [*planned, *plan_benchmark_items(clips, 6, seed)]
    texts = {
        name: {s.sample_id: _script(s, skill, seed, 2) for s in samples}
        for name, skill in _SKILL.items()
    }
    texts["guesser"] = guess(samples, 2, seed)
    texts["worse"].pop(samples[0].sample_id)  # could not be shown
    return {name: score_texts(samples, said) for name, said in texts.items()}


def _script(sample: Sample, skill: float, seed: int, number: int) -> list[str]:
    rng = random.Random(f"{sample.sample_id} {skill} {seed}")
    return [
        _text(sample, rng, skill) for _ in range(1 if sample.split == Split.VIUBENCH else number)
    ]


def _text(sample: Sample, rng: random.Random, skill: float) -> str:
    if rng.random() < skill:
        return sample.answer
    match sample.answer_kind:
        case "interval":
            start, end = sorted((rng.randrange(0, 120), rng.randrange(0, 240)))
            other = f"{start / 10:.1f}-{end / 10:.1f}"
        case "counts":
            other = ",".join(
                str(int(count) + rng.choice((0, 0, 1))) for count in sample.answer.split(",")
            )
        case _:
            digits = list(sample.answer)
            place = rng.randrange(len(digits))
            digits[0], digits[place] = digits[place], digits[0]
            other = "".join(digits)
    return rng.choice((other, other, other, f"It is {sample.answer}.", "unsure"))


def _champions(told: Mapping[str, ModelScores]) -> dict[str, Artifact | None]:
    return {
        "nobody": None,
        "the champion": told[CHAMPION].policy,
        "itself": told[AFTER].policy,
        "one not scored": Artifact("policies/other", "other"),
    }


def _estimates(told: ModelScores) -> dict[str, object]:
    return {
        "failed": told.num_failed,
        "heldout": told.heldout,
        "viubench": told.viubench,
        "heldout by pretext": told.heldout_by_pretext,
        "viubench by type": told.viubench_by_type,
    }


def _lines(rows: Sequence[SampleScore]) -> dict[str, str]:
    return {
        row.sample_id: f"{row.viubench_type or row.pretext}: score {row.score!r}, "
        f"{row.num_rollouts} answers, parsed {row.parsed_share!r}"
        for row in rows
    }
