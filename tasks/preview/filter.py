"""Which samples a gallery shows."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tasks.core.checks import at_least, check
from tasks.core.choose import choose_in_turn
from tasks.core.errors import InputError
from tasks.core.types import Sample

_MOST_NAMED = 20
ANY_LEVEL = -1.0


@dataclass(frozen=True, kw_only=True)
class SampleFilter:
    """What a sample must be; an empty text fits everything."""

    pretext: str = ""
    kind: str = ""
    level: float = ANY_LEVEL
    split: str = ""
    limit: int = 24
    """Most samples, drawn from all cells in turn; 0 shows all."""
    seed: int = 0

    def __post_init__(self) -> None:
        check(self, at_least(0), "limit")

    def fits(self, sample: Sample) -> bool:
        wanted = (
            (self.pretext, sample.pretext),
            (self.kind, sample.kind),
            (self.split, sample.split.value),
        )
        return all(asked in ("", given) for asked, given in wanted) and self.level in (
            ANY_LEVEL,
            sample.level,
        )


def filter_samples(
    samples: Iterable[Sample], sample_filter: SampleFilter
) -> tuple[list[Sample], int]:
    """Those that fit, sorted by cell and at most `limit` of them; and how many fit without the
    limit.

    Raises:
        InputError: none fits; lists the cells there are.
    """
    cells = Counter[tuple[str, str, float, str, bool]]()

    def fitting() -> Iterator[Sample]:
        for sample in samples:
            fits = sample_filter.fits(sample)
            cells[*sample.cell, sample.split.value, fits] += 1
            if fits:
                yield sample

    limit = sample_filter.limit or sys.maxsize
    # `cells` is complete only after this, which goes through all samples once.
    drawn = choose_in_turn(fitting(), limit, sample_filter.seed, "preview")
    if not drawn:
        listed = [
            f"{pretext} {kind} {level:g} {split}"
            for pretext, kind, level, split, _ in sorted(cells)
        ]
        known = "; ".join(listed[:_MOST_NAMED]) + ("; ..." if len(listed) > _MOST_NAMED else "")
        total = cells.total()
        raise InputError(
            f"preview: none of {total} samples fits; there are (pretext kind level split) {known}"
        )
    in_order = sorted(drawn, key=lambda sample: (sample.cell, sample.split, sample.sample_id))
    return in_order, sum(number for (*_, fits), number in cells.items() if fits)
