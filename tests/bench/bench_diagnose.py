"""How well does the rule for wrong labels find them? Simulated policies whose skill on every row is
known.

Questions have four choices. A row's skill (chance of a right answer) is drawn from a Beta
distribution that is mostly near 0 or 1, as pass rates are; a wrong answer is the row's favourite
mistake with probability 0.8. One label in twenty is replaced by another choice.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np

from rewards.answers import AnswerKind
from tasks.core.reward import RewardKind
from tasks.core.seeding import generator
from tasks.core.types import Sample
from tasks.diagnose.agreement import other_answers
from tasks.diagnose.judge import judge_rows
from tests.helpers.rollouts import make_reply, make_sample

NUM_ROWS, NUM_ROLLOUTS, NUM_SEEDS, WRONG_SHARE, FAVOURITE = 2000, 8, 5, 0.05, 0.8
CONCENTRATION = 0.6
"""Sum of the Beta distribution's parameters: below 2 most rows are nearly always or nearly never
answered right."""
LETTERS = "ABCD"


def test_how_well_wrong_labels_are_found() -> None:
    print(
        "\n| mean skill | rule | named | of them wrong | of the wrong ones found "
        "|\n|---|---|---|---|---|"
    )
    for skill in (0.9, 0.7, 0.5):
        found: dict[str, list[tuple[float, float, float]]] = {
            "all 8 rollouts": [],
            "at least 5 of 8": [],
        }
        for seed in range(NUM_SEEDS):
            samples, texts, wrong = _simulate(skill, seed)
            ours = {
                name for name, other in other_answers(samples, texts).items() if not other.is_usual
            }
            for rule, named in {
                "all 8 rollouts": ours,
                "at least 5 of 8": _majority(samples, texts),
            }.items():
                hits = len(named & wrong)
                found[rule].append((len(named), hits / max(1, len(named)), hits / len(wrong)))
        for rule, rows in found.items():
            num, precision, recall = zip(*rows, strict=True)
            print(
                f"| {skill} | {rule} | {fmean(num):.0f} | {_percent(precision)} | "
                f"{_percent(recall)} |"
            )


def test_how_long_judging_takes() -> None:
    samples, texts, _ = _simulate(0.7, 0, num_rows=30_000)
    replies = {name: make_reply(name, *said) for name, said in texts.items()}
    numbers = {sample.sample_id: number for number, sample in enumerate(samples)}
    started = time.perf_counter()
    judge_rows(samples, numbers, replies, RewardKind.SMOOTH)
    print(
        f"\n30,000 rows of {NUM_ROLLOUTS} rollouts judged in {time.perf_counter() - started:.1f} s"
    )


def _simulate(
    skill: float, seed: int, num_rows: int = NUM_ROWS
) -> tuple[list[Sample], dict[str, Sequence[str]], set[str]]:
    """Samples with their labels, texts of rollouts, and the ids of the samples whose label is
    wrong."""
    samples, texts, wrong = [], {}, set()
    rng = generator(seed, "bench diagnose", str(skill))
    for number in range(num_rows):
        truth, mistake, third, fourth = rng.permutation(list(LETTERS))
        right = rng.beta(CONCENTRATION * skill, CONCENTRATION * (1 - skill))
        missed = (1 - right) * (1 - FAVOURITE) / 2
        chances = [right, (1 - right) * FAVOURITE, missed, missed]
        said = rng.choice(
            [truth, mistake, third, fourth], NUM_ROLLOUTS, p=np.array(chances) / sum(chances)
        )
        label = rng.choice([mistake, third, fourth]) if rng.random() < WRONG_SHARE else truth
        sample = replace(
            make_sample(f"s{number}"), answer=str(label), answer_kind=AnswerKind.CHOICE
        )
        samples.append(sample)
        wrong |= {sample.sample_id} if label != truth else set()
        texts[sample.sample_id] = [*map(str, said)]
    return samples, texts, wrong


def _majority(samples: Sequence[Sample], texts: dict[str, Sequence[str]]) -> set[str]:
    most = {s.sample_id: Counter(texts[s.sample_id]).most_common(1)[0] for s in samples}
    return {
        s.sample_id
        for s in samples
        if most[s.sample_id][0] != s.answer and most[s.sample_id][1] > 4
    }


def _percent(values: Sequence[float]) -> str:
    return f"{fmean(values):.0%} ± {stdev(values) / len(values) ** 0.5:.1%}"
