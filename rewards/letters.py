"""Which option a text chooses, as a careful person would read it.

A sentence asserts a letter ("the answer is C", "C is right"), consists of it ("(C)"), begins with
it ("C. Because"), only names it, or rejects it ("not C", "C is wrong"). The last assertion decides,
else the only letter that is a sentence, else the only one that begins one, else the only one that
is named; else an option's own words where a sentence says nothing more. Alternatives ("A or B") and
letters that are rejected afterwards decide nothing. It never guesses.
"""

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rewards import phrases
from rewards.option_words import option_of, option_stated
from rewards.spoken import spoken

_PLACES = string.ascii_uppercase
_HEAD_CHARS, _TAIL_CHARS = 4096, 12288
"""Of a longer answer, after thoughts and inside marks, beginning and end are read."""
_AROUND_CHARS = 96
"""So much of a sentence tells what it says about a letter."""
# A `>` behind `-` or `=` stays: an arrow leads to a letter (`answer => B`).
_MARKUP = re.compile(r"\\(?:text|math|bf|it|rm)[a-z]*|[*_`#~$\\{}\"“”„«»<]|(?<![-=])>")
_BLANKS = re.compile(r"[^\S\n]+")
_WORD = re.compile(r"\s+([^\W\d_]+(?:'[a-z]+)?)")
_QUOTE = re.compile(r"(?<![A-Za-z])'|'(?![A-Za-z])")
# Their dots end no sentence.
_SHORT = re.compile(r"\b(e\.g|i\.e|vs|etc|cf|approx)\.", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?])\s+|[。;]+|(?<=[!?])(?=[^\s!?.)])")
_LABEL = re.compile(r"\W*[A-Za-z][.)]+")
# A small letter is mostly a word (`a dog`), so it counts only in places where no word could stand.
_SMALL = re.compile(
    r"^\W*([a-z])\W*$|(?<!\w)\(([a-z])\)|\b(?:options?|choices?|letters?)\s+([a-z])(?![\w'])|"
    r"\b(?:answer|is|be)\b[\s:]*([a-z])(?=\s*(?:[.,;!?)]|$))|^\s*([a-z])[.):](?=\s|$)",
    re.IGNORECASE,
)


class _Said(IntEnum):
    REJECTED = 0
    NAMED = 1
    LEADING = 2
    ALONE = 3
    ASSERTED = 4


@dataclass(frozen=True)
class _Mention:
    """Letters named together, in one sentence."""

    letters: str
    said: _Said


@dataclass(frozen=True)
class _Place:
    """Of letters named together: first and last character in the sentence, and the text to both
    sides."""

    letters: str
    start: int
    stop: int


@dataclass(frozen=True)
class _Sides:
    """The text before and after letters, to the next ones or to the ends of the sentence; lower
    case."""

    before: str
    after: str
    is_first: bool
    is_last: bool


@dataclass(frozen=True)
class _Mood:
    """Of a sentence."""

    is_question: bool
    is_hedged: bool
    reply: str
    """How the next sentence begins."""


def find_letter(text: str, letters: str, options: Sequence[str] = ()) -> str | None:
    """The letter of `letters` that `text` chooses, or None; `options` are the texts that belong to
    them."""
    plain = _plain(spoken(text))
    # First, because an option's own words may hold letters that choose nothing (`Cup C`).
    same = option_of(plain, letters, options)
    if same is not None:
        return same
    mentions = list(_mentions(_without_names(plain, options), letters))
    # Of several rejections the last place is kept: an assertion before it does not stand.
    rejected = {
        letter: place
        for place, m in enumerate(mentions)
        if m.said is _Said.REJECTED
        for letter in m.letters
    }
    asserted = [(place, m.letters) for place, m in enumerate(mentions) if m.said is _Said.ASSERTED]
    standing = [letters for place, letters in asserted if rejected.get(letters, -1) < place]
    if standing:
        return _only(standing[-1])
    for said in (_Said.ALONE, _Said.LEADING, _Said.NAMED):
        found = [(place, m.letters) for place, m in enumerate(mentions) if m.said is said]
        if found:
            only = _only("".join(letters for _, letters in found))
            return only if only and rejected.get(only, -1) < found[-1][0] else None
    stated = option_stated(_sentences(plain), letters, options)
    return None if stated in rejected else stated


def find_words(text: str, options: Sequence[str]) -> int | None:
    """The place of the option whose own words `text` states, where options bear no letters."""
    letters = _PLACES[: len(options)]
    plain = _plain(spoken(text))
    stated = option_of(plain, letters, options) or option_stated(
        _sentences(plain), letters, options
    )
    return letters.index(stated) if stated else None


def _without_names(text: str, options: Sequence[str]) -> str:
    """Without letters that are a part of what options are about: `Cup C`, `D minor`."""
    pairs = {
        (pair[0], pair[1].lower())
        for option in options
        for pair in phrases.NAMED.findall(_plain(option))
    }
    pairs |= {
        (pair[1], pair[0].lower())
        for option in options
        for pair in phrases.NAMING.findall(_plain(option))
    }
    if not pairs:
        return text
    # `0` is no letter of any option, and leaves the words around it as they were.
    named = phrases.NAMED.sub(
        lambda m: m[0].replace(m[1], "0", 1) if (m[1], m[2].lower()) in pairs else m[0], text
    )
    return phrases.NAMING.sub(
        lambda m: f"{m[0][:-1]}0" if (m[2], m[1].lower()) in pairs else m[0], named
    )


def _only(letters: str) -> str | None:
    return letters[0] if len(set(letters)) == 1 else None


def _plain(text: str) -> str:
    """One alphabet, one kind of quote, no markup."""
    if len(text) > _HEAD_CHARS + _TAIL_CHARS:
        # What is left of a word that was cut could be taken for a letter.
        text = f"{text[:_HEAD_CHARS]}\n...\n{text[-_TAIL_CHARS:].partition(' ')[2]}"
    text = (
        unicodedata.normalize("NFKC", text)
        .replace("’", "'")
        .replace("[", "(")
        .replace("]", ")")
        .replace("\r", "\n")
    )
    text = _QUOTE.sub(" ", _SHORT.sub(r"\1", _MARKUP.sub(" ", text)))
    text = phrases.ANSWER_MARK.sub("Answer: ", text)
    # `İ` is the only character whose lower case is two characters, and places that are found in a
    # sentence are used in its lower-case copy.
    return phrases.RUN_ON.sub(r"\1\n", _BLANKS.sub(" ", text.replace("İ", "I")), count=1)


def _sentences(text: str) -> Iterator[str]:
    """A label stays with what it labels: `B. The lid melts.`"""
    for line in filter(str.strip, text.split("\n")):
        label = ""
        for piece in filter(str.strip, _END.split(line)):
            if not label and _LABEL.fullmatch(piece.strip()):
                label = f"{piece} "
            else:
                yield f"{label}{piece}".strip()
                label = ""
        if label:
            yield label.strip()


def _mentions(text: str, letters: str) -> Iterator[_Mention]:
    sentences = [_SMALL.sub(_enlarged, sentence) for sentence in _sentences(text)]
    for sentence, following in zip(sentences, [*sentences[1:], ""], strict=False):
        # As many characters as before, for the same reason: places are shared with `sentence`.
        level = phrases.NO_NEGATION.sub(lambda match: "x" * len(match[0]), sentence.lower())
        places = list(_places(sentence, level, letters))
        mood = _Mood(
            is_question=level.endswith("?"),
            is_hedged=phrases.HEDGED.search(level) is not None,
            reply=following[:4].lower().strip(" ,.!-"),
        )
        for number, place in enumerate(places):
            start = places[number - 1].stop if number else 0
            stop = places[number + 1].start if number + 1 < len(places) else len(level)
            side = _Sides(
                level[start : place.start],
                level[place.stop : stop],
                number == 0,
                stop == len(level),
            )
            yield _Mention(place.letters, _said(side, mood))


def _enlarged(match: re.Match[str]) -> str:
    place = match.start(match.lastindex or 0) - match.start()
    return match[0][:place] + match[0][place].upper() + match[0][place + 1 :]


def _places(sentence: str, level: str, letters: str) -> Iterator[_Place]:
    """Letters that are listed (`A, B and D`) come together."""
    # `A-frame`, `3D`, `I'm` and words with accents hold no letter of an option.
    pattern = (
        rf"(?<![A-Za-zÀ-ɏ0-9'])(?<![A-Za-z]-)(?:\( ?)?([{letters}])\)?"
        r"(?![A-Za-zÀ-ɏ0-9'])(?!-[A-Za-z])"
    )
    run: list[_Place] = []
    joints: list[str] = []
    for match in re.finditer(pattern, sentence):
        if not _is_letter(match, sentence, level):
            continue
        joint = phrases.LISTED.fullmatch(level, run[-1].stop, match.start()) if run else None
        if run and not joint:
            yield from _parted(run, joints, level)
            run, joints = [], []
        joints += [joint.lastgroup or ""] if joint else []
        run.append(_Place(match[1], match.start(), match.end()))
    if run:
        yield from _parted(run, joints, level)


def _is_letter(match: re.Match[str], sentence: str, level: str) -> bool:
    """`A man walks`, `I think`, `vitamin C`: an article, a pronoun and a name are no letters of
    options."""
    before = level[max(0, match.start() - _AROUND_CHARS) : match.start()]
    if match[0][0] == "(" or match[0][-1] == ")" or phrases.OPTION_WORD.search(before):
        return True
    if phrases.NAME_WORD.search(before):
        return False
    word = _WORD.match(sentence, match.end())
    # A and I alone are English words.
    if word is None or match[1] not in "AI":
        return True
    follows = phrases.LETTER_FOLLOWS if match[1] == "A" else phrases.PRONOUN_FOLLOWS
    return follows.fullmatch(word[1].lower()) is not None


def _parted(run: list[_Place], joints: list[str], level: str) -> Iterator[_Place]:
    """`The answer is C, A and B are wrong` names C apart; in `it is A and B is wrong` the predicate
    is B's alone."""
    before = level[max(0, run[0].start - _AROUND_CHARS) : run[0].start]
    after = level[run[-1].stop : run[-1].stop + _AROUND_CHARS]
    has_predicate = phrases.PREDICATE.match(after) is not None
    if joints and joints[0] == "comma" and has_predicate and phrases.ASSERTED_BEFORE.search(before):
        yield run[0]
        run, joints = run[1:], joints[1:]
    if (
        joints
        and not level[run[-2].stop : run[-1].start].strip().startswith(("or", "nor"))
        and phrases.SINGULAR.match(after)
    ):
        yield _joined(run[:-1])
        run = run[-1:]
    yield _joined(run)


def _joined(run: Sequence[_Place]) -> _Place:
    return _Place("".join(place.letters for place in run), run[0].start, run[-1].stop)


def _said(sides: _Sides, mood: _Mood) -> _Said:
    before, after = sides.before[-_AROUND_CHARS:], _own(sides)
    clause = phrases.BOUNDARY.split(before)[-1]
    # These two come before the rejections, because they hold words that reject (`except`, `than`).
    if phrases.SPARED.search(before):
        return _Said.NAMED if "than" in before.split()[-3:] else _Said.ASSERTED
    if phrases.ALL_BUT.search(before):
        return _Said.ASSERTED if phrases.REJECTED_AFTER.match(after) else _Said.REJECTED
    if phrases.REJECTED_BEFORE.search(clause) or phrases.REJECTED_ALIKE.search(before):
        return _Said.REJECTED
    if phrases.REJECTED_AFTER.match(after):
        return _Said.NAMED if phrases.NOT_WRONG.match(after) else _Said.REJECTED
    # `Is it B? No, it is C.`: the question itself says nothing, the reply to it may.
    if mood.is_question:
        return {"no": _Said.REJECTED, "yes": _Said.ASSERTED}.get(mood.reply, _Said.NAMED)
    is_asserted = phrases.ASSERTED_BEFORE.search(before) or phrases.AFFIRMED_AFTER.match(after)
    if is_asserted or (phrases.LED_BEFORE.search(before) and phrases.REASON.match(after)):
        is_open = mood.is_hedged and not phrases.CONCLUDED_BEFORE.search(before)
        return _Said.NAMED if is_open else _Said.ASSERTED
    return _judged_later(sides, after) or (
        _lead(sides.before, after) if sides.is_first else _Said.NAMED
    )


def _own(sides: _Sides) -> str:
    """What stands after and is not about the next letters: in `A, not B` the word belongs to B."""
    # Only the end is searched: what rejects the next letters stands right before them, and many
    # letters in a long sentence would otherwise take time that grows with its square.
    tail = max(0, len(sides.after) - _AROUND_CHARS)
    about_next = None if sides.is_last else phrases.REJECTED_BEFORE.search(sides.after[tail:])
    stop = tail + about_next.start() if about_next else len(sides.after)
    return sides.after[: min(stop, _AROUND_CHARS)]


def _judged_later(sides: _Sides, after: str) -> _Said | None:
    """`A. The lid melts: wrong`; not by what says that others are."""
    verdict = phrases.VERDICT.search(sides.after[-_AROUND_CHARS:]) if sides.is_last else None
    if verdict:
        return _Said.REJECTED if verdict["wrong"] else _Said.ASSERTED
    clause = phrases.BOUNDARY.split(after.lstrip(" .):-"))[0]
    is_wrong = phrases.WRONG_LATER.search(clause) and not phrases.OTHERS.search(clause)
    return _Said.REJECTED if is_wrong else None


def _lead(before: str, after: str) -> _Said:
    if not phrases.LEAD_IN.fullmatch(before) or phrases.SHARE.match(after):
        return _Said.NAMED
    if not after.strip(" .!)(:,"):
        return _Said.ALONE
    is_label = phrases.REASON.match(after) or not phrases.OPTION_WORD.search(before)
    word = _WORD.match(after)
    is_subject = (
        word is not None
        and phrases.LETTER_FOLLOWS.fullmatch(word[1])
        and not phrases.REASON.match(after)
    )
    return _Said.LEADING if is_label and not is_subject else _Said.NAMED
