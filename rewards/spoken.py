"""What a text says in the end: without thoughts, and of marked answers the mark's content. Linear
in the text's length.

Models think in `<think>` tags, and mark answers with `<answer>`, `\\boxed{}`, GLM's box tokens or a
JSON field. None of these need be closed, nested well or alone.
"""

import re

_THOUGHT = re.compile(
    r"<(/?)(?:think|thinking|thoughts?|reason|reasoning|analysis)>", re.IGNORECASE
)
_ANSWER = re.compile(r"<(/?)answer>", re.IGNORECASE)
_BOX = re.compile(r"<\|(begin|end)_of_box\|>")
_BOXED = "\\boxed{"
_FIELD = re.compile(r'"(?:result|answer|option|choice)"\s*+:\s*+"([^"]*)"', re.IGNORECASE)
"""CG-Bench's own form of answer, and its like."""


def without_thoughts(text: str) -> str:
    """The last piece outside of thoughts that holds more than blanks; empty if there is none.

    A thought that nothing closes runs to the end. One that nothing opens began with the text: chat
    templates open it.
    """
    pieces: list[str] = []
    start, thinks = 0, False
    for tag in _THOUGHT.finditer(text):
        if tag[1]:
            if not thinks:
                pieces.clear()
            start, thinks = tag.end(), False
        elif not thinks:
            pieces.append(text[start : tag.start()])
            thinks = True
    if not thinks:
        pieces.append(text[start:])
    return next((piece for piece in reversed(pieces) if piece.strip()), "")


def in_marks(text: str) -> str:
    """The content of the last marked answer, else `text` as it is; a mark that nothing closes runs
    to the end."""
    for find in (_tagged, _in_box, _boxed, _in_field):
        found = find(text)
        if found is not None:
            return found
    return text


def spoken(text: str) -> str:
    """What `text` answers with, after thinking and inside of marks."""
    return in_marks(without_thoughts(text))


def _tagged(text: str) -> str | None:
    return _between([(tag.start(), tag.end(), not tag[1]) for tag in _ANSWER.finditer(text)], text)


def _in_box(text: str) -> str | None:
    return _between(
        [(tag.start(), tag.end(), tag[1] == "begin") for tag in _BOX.finditer(text)], text
    )


def _between(tags: list[tuple[int, int, bool]], text: str) -> str | None:
    """After the last tag that opens, to the next one. `tags`: start, end, and whether it opens."""
    for number in reversed(range(len(tags))):
        if tags[number][2]:
            stop = tags[number + 1][0] if number + 1 < len(tags) else len(text)
            return text[tags[number][1] : stop]
    return None


def _boxed(text: str) -> str | None:
    opened = text.rfind(_BOXED)
    if opened < 0:
        return None
    start = opened + len(_BOXED)
    # `\boxed{\text{B}}` ends with its own brace, not with the first.
    depth = 1
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[start : start + brace.start()]
    return text[start:]


def _in_field(text: str) -> str | None:
    found = None
    for found in _FIELD.finditer(text):  # noqa: B007
        pass
    return found[1] if found else None
