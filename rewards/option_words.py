"""Which option's own words a text states: they must be all that it, or one of its sentences,
says."""

import re
from collections.abc import Iterable, Sequence

_LABEL = re.compile(r"^\(?[A-Za-z][.):](?:\s|$)")
_ARTICLE = re.compile(r"^(?:an?|the)\s")
_MARKS = " \t\n\"'*.,:;!()"
_LEAD_IN = re.compile(
    r"(?:(?:so|thus|therefore|hence|well|ok|okay|i (?:think|believe|guess|would say|say|see)|"
    r"i'd say|in my opinion|"
    r"probably|likely|clearly|most likely|definitely|because|that|my|final answer|"
    r"(?:the )?(?:(?:correct|right|best|final|most likely) )?(?:answer|option|choice)"
    r"(?: is| would be| must be| should be)?|"
    r"it(?:'s| is| was| shows?| must be| depicts| seems to be| looks like)|(?:this|that) (?:is|"
    r"was|shows)|that's|"
    r"(?:in )?(?:the|this) (?:video|clip|picture|image|scene|film)(?: shows| depicts| is)?|"
    r"there(?: is| are|'s)|"
    r"(?:they are|he is|she is))\b\W*+)++"
)
"""`The answer is`, `it shows`: says nothing of its own."""
_YES_NO = re.compile(
    r"(yes|no)(?=$|[.,;!:-]|\s+(?:it|he|she|they|there|the|this|that|i|we|you|not|because|since|"
    r"is|are|does|do)\b)"
)


def option_of(text: str, letters: str, options: Sequence[str]) -> str | None:
    """The letter of the only option that `text` is, word for word; None for a text of one
    character."""
    said = _plain(text)
    return (
        _only(letter for letter, option in _levelled(letters, options) if option == said)
        if len(said) > 1
        else None
    )


def option_stated(sentences: Iterable[str], letters: str, options: Sequence[str]) -> str | None:
    """The letter of the only option that is all that a sentence says after an introduction; yes or
    no may begin it."""
    levelled = _levelled(letters, options)
    is_yes_no = {option for _, option in levelled} == {"yes", "no"}
    exact: set[str] = set()
    close: set[str] = set()
    for sentence in sentences:
        said = _plain(sentence)
        lead = _LEAD_IN.match(said)
        rests = {said, said[lead.end() :] if lead else said}
        if is_yes_no:
            starts = (_YES_NO.match(rest) for rest in rests)
            rests |= {start[1] for start in starts if start}
        bare = {_ARTICLE.sub("", rest) for rest in rests}
        # `the dog` is `a dog` of the options; not the other way
        known = {rest.removeprefix("the ") for rest in rests}
        exact |= {letter for letter, option in levelled if option in rests | bare}
        close |= {letter for letter, option in levelled if _ARTICLE.sub("", option) in known}
    return _only(exact or close)


def _levelled(letters: str, options: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [(letter, _level(option)) for letter, option in zip(letters, options, strict=False)]
    return [(letter, option) for letter, option in pairs if option]


def _level(text: str) -> str:
    return _plain(_LABEL.sub("", text.strip(), count=1))


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(_MARKS)


def _only(found: Iterable[str]) -> str | None:
    letters = set(found)
    return next(iter(letters)) if len(letters) == 1 else None
