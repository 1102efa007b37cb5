"""Laws of reading a letter."""

from hypothesis import given
from hypothesis import strategies as st

from rewards.letters import find_letter
from tests.helpers.choice_texts import OPTIONS, READINGS

_LETTERS = "ABCD"
_REJECTING = (
    "Option {} is wrong.",
    "{} is incorrect.",
    "It is not {}.",
    "({}) does not fit.",
    "The answer is not {}.",
    "Not {}.",
    "{} can be ruled out because it does not match the video.",
    "{} is not shown.",
    "I don't think it is {}.",
    "Therefore {} is false.",
    "The video rules out {}.",
    "Option {} contradicts the video.",
    "{} cannot be correct.",
    "{} isn't right.",
    "We can eliminate {}.",
    "Choice {} fails to match.",
    "Unlike what option {} says, it rains.",
)
_REJECTING_TWO = (
    "Options {} and {} are wrong.",
    "Neither {} nor {} is correct.",
    "The other options, {} and {}, are incorrect.",
    "I would rule out {} and {}.",
    "{} never happens, and {} is false.",
    "{} is wrong and so is {}.",
)
_PLAIN = [
    (text, letter)
    for text, letter in READINGS
    if not any(mark in text for mark in ("<", "boxed", "{"))
]


@st.composite
def _rejections(draw: st.DrawFn, chosen: str | None) -> str:
    others = draw(st.permutations([letter for letter in _LETTERS if letter != chosen]))
    template = draw(st.sampled_from(_REJECTING + _REJECTING_TWO))
    return template.format(*others)


@given(st.sampled_from(_PLAIN), st.data())
def test_a_sentence_that_only_rejects_other_options_changes_nothing(
    said: tuple[str, str | None], data: st.DataObject
) -> None:
    text, letter = said
    rejection = data.draw(_rejections(letter))
    for joined in (f"{text}\n{rejection}", f"{rejection}\n{text}", f"{rejection} {text}"):
        assert find_letter(joined, _LETTERS, OPTIONS) == letter, joined
    if text.rstrip("*\"')").endswith((".", "!")):
        assert find_letter(f"{text} {rejection}", _LETTERS, OPTIONS) == letter


@given(st.sampled_from(_PLAIN), st.text(max_size=80))
def test_what_was_thought_changes_nothing(said: tuple[str, str | None], thought: str) -> None:
    text, letter = said
    assert (
        find_letter(
            f"<think>{thought.replace('<', '')}. The answer is A.</think>\n{text}",
            _LETTERS,
            OPTIONS,
        )
        == letter
    )


@given(st.text(), st.sampled_from(["AB", "ABCD", "ABCDEFGHIJKLMN"]))
def test_any_text_gives_one_of_the_letters_or_none(text: str, letters: str) -> None:
    assert find_letter(text, letters, OPTIONS) in {None, *letters}
