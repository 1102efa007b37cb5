"""How questions are worded: a text with a mark where the question goes, and whose words these are.

What a question holds itself, braces or marks of this kind, stays as it is.
"""

import re
from dataclasses import dataclass

from tasks.core.checks import Rule
from tasks.core.digest import digest_of_bytes

_MARK = re.compile(r"\{(?:question|query|goal)\}")
_OTHER_MARK = re.compile(r"(?<![\w\\])\{(?!(?:question|query|goal)\})[A-Za-z_]\w*\}")
"""Likely a mistyped one; `\\boxed{C}` and the braces of JSON are none."""

WORDING = Rule(
    lambda text: (
        text == "" or (_MARK.search(text) is not None and _OTHER_MARK.search(text) is None)
    ),
    "a text with {question} where the question goes ({query} and {goal} mean the same, and there "
    "are no other marks), e.g. '{question} Answer with one letter.'",
)


def worded(template: str, question: str) -> str:
    """`template` with `question` in place of every mark."""
    # A function, because `sub` would read backslashes in a text as escapes (`\boxed`).
    return _MARK.sub(lambda _: question, template)


@dataclass(frozen=True, kw_only=True)
class Words:
    """How a benchmark asks unless the user words it differently."""

    usual: str
    """With a mark; empty if it depends on the kind of question."""
    source: str = ""
    """Where the paper's own words stand, if the usual ones are ours; empty if the usual ones are
    the paper's too."""
    digest: str = ""
    """Of the paper's own words as `digest_of_words` takes it; they are not ours to ship."""

    def are_papers(self, wording: str) -> bool:
        """Whether the paper asks so; `wording` is the user's, empty for the usual words."""
        if not wording:
            return not self.source
        return digest_of_words(wording) == (self.digest or digest_of_words(self.usual))

    def note(self, wording: str) -> str:
        """What to say beside a score that the paper's is compared with; empty if the words are the
        paper's."""
        if self.are_papers(wording):
            return ""
        whose = "the user's" if wording else "ours"
        own = f"{self.source}: give them as conditions.wording" if self.source else repr(self.usual)
        return f"asked in words that are {whose}; the paper's are {own}"


def digest_of_words(template: str) -> str:
    """The same for the same words, whatever the mark is called and however lines are broken."""
    return digest_of_bytes(" ".join(_MARK.sub("{question}", template).split()).encode())
