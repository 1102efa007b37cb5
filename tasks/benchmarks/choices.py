"""Multiple choice: how questions are asked and letters are read. Most benchmarks share it."""

import re
import string
from collections.abc import Sequence

from rewards.letters import find_letter
from tasks.benchmarks.annotations import Where
from tasks.benchmarks.conditions import LETTER_LINE, Conditions
from tasks.benchmarks.reading import Reading
from tasks.benchmarks.wording import Words, worded
from tasks.core.types import BenchmarkFacts, Sample

# A blank or the end must follow, or an option such as `A.M.` would bear a letter.
_LETTERED = re.compile(r"\(?([A-Z])[.):](?:\s|$)")
_OPTION_LINE = re.compile(r"^\s*\(?([A-Z])[.):]\s*(\S.*?)\s*$", re.MULTILINE)


CHOICE_WORDS = Words(usual=f"{{question}}\n{LETTER_LINE}")
"""The paper's (eval/vqa.py of github.com/lcqysl/VideoSSR)."""


def ask_choice(question: str, options: Sequence[str], conditions: Conditions) -> str:
    """The question, the lettered options if they do not stand in it, and the paper's closing
    line."""
    return worded(
        conditions.wording or CHOICE_WORDS.usual, "\n".join([question.strip(), *lettered(options)])
    )


def lettered(options: Sequence[str]) -> list[str]:
    """`A. text`; options that already bear their own letters stay as they are."""
    if are_lettered(options):
        return [option.strip() for option in options]
    return [
        f"{letter}. {option.strip()}"
        for letter, option in zip(string.ascii_uppercase, options, strict=False)
    ]


def are_lettered(options: Sequence[str]) -> bool:
    """Whether every option starts with the letter of its place."""
    found = [_LETTERED.match(option.strip()) for option in options]
    return bool(options) and all(
        m and m[1] == letter for m, letter in zip(found, string.ascii_uppercase, strict=False)
    )


def bare_options(options: Sequence[str]) -> tuple[str, ...]:
    """Without their letters."""
    if not are_lettered(options):
        return tuple(option.strip() for option in options)
    return tuple(_LETTERED.sub("", option.strip(), count=1).strip() for option in options)


def options_in(question: str) -> tuple[str, ...]:
    """The texts of the option lines at the end of a question; empty unless their letters run from A
    without a gap."""
    found = _OPTION_LINE.findall(question)
    # From the last A on: a question may hold a list of its own before its options.
    starts = [place for place, (letter, _) in enumerate(found) if letter == "A"]
    run = found[starts[-1] :] if starts else []
    is_run = [letter for letter, _ in run] == list(string.ascii_uppercase[: len(run)])
    return tuple(text for _, text in run) if is_run and len(run) > 1 else ()


def choice_facts(options: Sequence[str], letters: str = "ABCD") -> BenchmarkFacts:
    """Facts of a question with these options; `letters` counts only if no option is known."""
    known = string.ascii_uppercase[: len(options)]
    return BenchmarkFacts(options=bare_options(options), letters=known or letters)


def right_letter(where: Where, field: str, answer: str, facts: BenchmarkFacts) -> str:
    """The letter that an annotation calls right; "(b)", "B." and "B. text" are B.

    Raises:
        InputError: it is none of the question's letters.
    """
    letter = answer.strip().lstrip("(")[:1].upper()
    if not letter or letter not in facts.letters:
        raise where.error(field, f"got {answer!r:.80}, expected one of the letters {facts.letters}")
    return letter


def read_choice(sample: Sample, text: str) -> Reading:
    """Paper: the very first character, nothing stripped; its script fails on an empty answer and
    leaves that out (eval/vqa.py of github.com/lcqysl/VideoSSR). Robust: what a person would take
    for the answer.
    """
    facts = sample.benchmark
    assert facts is not None
    first = text[:1]
    letter = find_letter(text, facts.letters, facts.options)
    return Reading(
        paper=float(first == sample.answer),
        robust=float(letter == sample.answer),
        paper_parsed=first != "" and first in facts.letters,
        robust_parsed=letter is not None,
        answer=letter or "",
        dropped=text == "",
    )
