"""The paper's reading is the official scripts': their rules, written down once more, on texts of
all sorts."""

import math
import re

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.benchmarks.grounding import paper_interval
from tasks.benchmarks.orders import official_order
from tasks.benchmarks.spans import find_interval

_BLANKS = st.sampled_from(["", " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\r\n", " \n\t "])
_NUMBERS = st.sampled_from(
    ["3", "3.", "3.0", "08.50", "1.2.3", ".5", "٣", "３.５", "12345678901", "9" * 400, "²", ""]
)
_JOINTS = st.sampled_from(["-", "-", "-", "--", "–", "—", "to", "and", "~", ",", "."])
_WORDS = st.sampled_from(
    [
        "The event happens in the ",
        "from ",
        "s",
        " seconds",
        ".",
        ", ",
        "1:05",
        "(",
        "-",
        "\n",
        "2-3 eggs ",
    ]
)
_RANGES = st.tuples(_NUMBERS, _BLANKS, _JOINTS, _BLANKS, _NUMBERS).map("".join)
_TEXTS = st.lists(
    st.one_of(_RANGES, _WORDS, _BLANKS, _NUMBERS, st.text(max_size=6)), max_size=6
).map("".join)


def _official_interval(text: str) -> tuple[float, float] | None:
    """`parse_timestamp_answer` in eval/vtg.py of github.com/lcqysl/VideoSSR."""
    found = re.search(r"(\d+\.?\d*)\s*-\s*(\d+\.?\d*)", text.strip())
    if found is None:
        return None
    one, other = float(found[1]), float(found[2])
    return min(one, other), max(one, other)


@given(_TEXTS)
@example("3. - 8.")
@example("3.0\n-\n8.0")
@example("3.0\t-\t8.0")
@example("3.0\u00a0-\u00a08.0")
@example("1.2.3 - 4")
@example("12.3.4-5 6-7")
@example("2-3 eggs, in the 10.0 - 12.0 seconds")
def test_intervals_are_read_as_by_the_papers_script(text: str) -> None:
    assert paper_interval(text) == _official_interval(text)


@given(
    st.tuples(st.integers(0, 999), st.integers(1, 99)),
    _BLANKS,
    _BLANKS,
    st.sampled_from("-–—~"),
    st.data(),
)
def test_a_person_reads_any_interval_that_is_written_plainly(
    times: tuple[int, int], before: str, after: str, dash: str, data: st.DataObject
) -> None:
    start, end = times[0], times[0] + times[1]
    dots = data.draw(st.sampled_from(["", ".", ".0", ".00"]))
    text = f"The event happens in the {start}{dots}{before}{dash}{after}{end}{dots} seconds."
    assert find_interval(text) == (start, end)
    if dash == "-":
        assert paper_interval(text) == (start, end)
    for word in ("to", "and", "until"):
        assert find_interval(f"It lasts from {start}{dots} {word} {end}{dots}.") == (start, end)


@given(_TEXTS)
def test_what_a_person_reads_is_finite_and_in_order(text: str) -> None:
    found = find_interval(text)
    assert found is None or (all(map(math.isfinite, found)) and found[0] <= found[1])


def _official_order(text: str, count: int) -> list[int] | None:
    """`calc_scores` in process.py of github.com/pritamqu/VCRBench, whose first phrase is empty:
    every sentence fits."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text.replace("*", "")):
        numbers = [
            int(found[0]) for part in sentence.split(",") if (found := re.search(r"\d+", part))
        ]
        if len(numbers) == count and set(numbers) == set(range(1, count + 1)):
            return numbers
    return None


_CLIPS = st.sampled_from(
    ["Clip 1", "2", "3", "4", "**4**", "10", "0", "001", "٢", "none", "Step 1: Clip 3", "1 2"]
)
_ORDERS = st.lists(_CLIPS, max_size=6).flatmap(
    lambda clips: st.sampled_from([", ", ",", " -> ", "\n"]).map(lambda s: s.join(clips))
)
_SAID = st.lists(
    st.one_of(
        _ORDERS,
        st.sampled_from(["Correct order: ", ". ", "\n", "! ", "First, I see 3, 1, 2.\n", "*"]),
    ),
    max_size=6,
).map("".join)


@given(_SAID, st.integers(2, 4))
@example("Correct order: 2, 1, 3", 3)
@example("**Correct order:** Clip 2, Clip 1, Clip 3", 3)
def test_orders_are_read_as_by_the_authors_script(text: str, count: int) -> None:
    assert official_order(text, count) == _official_order(text, count)
