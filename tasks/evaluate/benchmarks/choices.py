"""Multiple choice: how questions are asked and letters are read. Most benchmarks share it."""

import re
import string
from collections.abc import Sequence

from tasks.core.types import BenchmarkFacts, Sample
from tasks.evaluate.benchmarks.annotations import Where
from tasks.evaluate.benchmarks.conditions import LETTER_LINE, Conditions
from tasks.evaluate.benchmarks.reading import Reading

_LETTERED = re.compile(r"\(?([A-Z])[.):](?:\s|$)")
_OPTION_LINE = re.compile(r"^\s*\(?([A-Z])[.):]\s*(\S.*?)\s*$", re.MULTILINE)
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_MARKED = (re.compile(r"<answer>(.*?)</answer>", re.DOTALL), re.compile(r"\\boxed\{([^{}]*)\}"))
_RESULT = re.compile(r'"result"\s*:\s*"([A-Z])"')
"""CG-Bench's own form of answer."""
_PHRASE = re.compile(r"(?:answer is|answer:|option is|choice is|option)", re.IGNORECASE)
_QUOTES = " \t\r\n\"'*"
_MOST_CHARS = 4096
"""Of a longer answer, so many at the end are read."""


def ask_choice(question: str, options: Sequence[str], conditions: Conditions) -> str:
    """The question, the lettered options if they do not stand in it, and the paper's closing line."""
    lines = [question.strip(), *lettered(options), conditions.wording or LETTER_LINE]
    return "\n".join(lines)


def lettered(options: Sequence[str]) -> list[str]:
    """`A. text`; options that already bear their own letters stay as they are."""
    if are_lettered(options):
        return [option.strip() for option in options]
    return [f"{letter}. {option.strip()}" for letter, option in zip(string.ascii_uppercase, options, strict=False)]


def are_lettered(options: Sequence[str]) -> bool:
    """Whether every option starts with the letter of its place."""
    found = [_LETTERED.match(option.strip()) for option in options]
    return bool(options) and all(m and m[1] == letter for m, letter in zip(found, string.ascii_uppercase, strict=False))


def bare_options(options: Sequence[str]) -> tuple[str, ...]:
    """Without their letters."""
    if not are_lettered(options):
        return tuple(option.strip() for option in options)
    return tuple(_LETTERED.sub("", option.strip(), count=1).strip() for option in options)


def options_in(question: str) -> tuple[str, ...]:
    """The texts of the option lines at the end of a question; empty unless their letters run from A without a gap."""
    found = _OPTION_LINE.findall(question)
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
    """Paper: the very first character, nothing stripped. Robust: what a person would take for the answer."""
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
    )


def find_letter(text: str, letters: str, options: Sequence[str] = ()) -> str | None:
    """The letter that `text` answers with, or None. Never guesses, never raises; the first rule that fits decides."""
    plain = _inside(text[-_MOST_CHARS:] if len(text) > _MOST_CHARS else text)
    if len(plain) == 1 and plain.upper() in letters:
        return plain.upper()
    allowed = f"[{letters}]"
    start = re.match(rf"[(\[\"'*]*({allowed})(?=$|[\s.,:;)\]*\"'])", plain)
    if start and not _is_word(plain, start) and not re.match(r"\s+(or|and)\b", plain[start.end(1) :]):
        return start[1]
    return (
        _after_phrase(plain, allowed)
        or _last(re.findall(rf"\(({allowed})\)", plain))
        or _only({m[1] for m in _alone(plain, allowed)})
        or _by_text(plain, letters, options)
    )


def _inside(text: str) -> str:
    """Without thoughts, and of marked answers the mark's content."""
    text = _THOUGHT.sub("", text)
    for pattern in (*_MARKED, _RESULT):
        found = pattern.findall(text)
        if found:
            text = found[-1]
            break
    return text.strip(_QUOTES)


def _is_word(text: str, match: re.Match[str]) -> bool:
    """`A man walks`, `I think`: an article and a pronoun are no letters of options; `A or B` names two."""
    return match[1] in "AI" and re.match(r"\s+(?!or\b|and\b)[a-z]", text[match.end(1) :]) is not None


def _alone(text: str, allowed: str) -> list[re.Match[str]]:
    found = re.finditer(rf"(?<![A-Za-z'])({allowed})(?![A-Za-z'])", text)
    return [match for match in found if not _is_word(text, match)]


def _after_phrase(text: str, allowed: str) -> str | None:
    phrases = list(_PHRASE.finditer(text))
    for phrase in reversed(phrases):
        found = _alone(text[phrase.end() :], allowed)
        if found:
            return found[0][1]
    return None


def _by_text(text: str, letters: str, options: Sequence[str]) -> str | None:
    """The only option that is the text, else the only one inside it; yes and no also at its start."""
    said = _level(text)
    levelled = {letter: _level(option) for letter, option in zip(letters, options, strict=False)}
    same = {letter for letter, option in levelled.items() if option and option == said}
    if same:
        return _only(same)
    if set(levelled.values()) == {"yes", "no"}:
        start = re.match(r"(yes|no)\b", said)
        return next((letter for letter, option in levelled.items() if start and option == start[1]), None)
    inside = {
        letter
        for letter, option in levelled.items()
        if option and re.search(rf"(?<!\w){re.escape(option)}(?!\w)", said)
    }
    return _only(inside)


def _level(text: str) -> str:
    bare = _LETTERED.sub("", text.strip(), count=1)
    return " ".join(bare.lower().split()).strip(_QUOTES).rstrip(".").strip()


def _last(found: Sequence[str]) -> str | None:
    return found[-1] if found else None


def _only(found: set[str]) -> str | None:
    return next(iter(found)) if len(found) == 1 else None
