"""Which other clips a clip may borrow frames from.

The clips of one split stand on a ring, ordered by their ids (content hashes, so the order means
nothing), and a clip's donors are the next ones. So donors never come from another split, and one
more video changes the donors of its neighbours only.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tasks.core.types import Clip, Split


@dataclass(frozen=True, slots=True, order=True)
class Donor:
    """What a plan needs to know of a clip that lends frames: a million of them fit into a
    worker."""

    clip_id: str
    num_frames: int

    @classmethod
    def of(cls, clip: Clip) -> "Donor":
        """What lends the frames of `clip`."""
        return cls(clip.clip_id, len(clip.timestamps_seconds))


Donors: TypeAlias = Mapping[str, tuple[Donor, ...]]
"""By clip id; fewer than wanted, or none, where the split has too few clips."""


def ring_donors(borrowers: Iterable[Clip], clips: Iterable[Clip], num_donors: int) -> Donors:
    """The `num_donors` next clips on the ring of its split, for every borrower.

    `clips` are all clips of the data set; nothing is read of them where no donor is wanted.
    """
    rings = _rings(clips) if num_donors else {}
    return {clip.clip_id: _after(clip, rings.get(clip.split, []), num_donors) for clip in borrowers}


def _rings(clips: Iterable[Clip]) -> dict[Split, list[Donor]]:
    rings: dict[Split, list[Donor]] = {}
    for clip in clips:
        rings.setdefault(clip.split, []).append(Donor.of(clip))
    return {split: sorted(ring) for split, ring in rings.items()}


def _after(clip: Clip, ring: list[Donor], num_donors: int) -> tuple[Donor, ...]:
    # The clip stands on its ring too, as the last one from here, so all but one can lend.
    place = bisect_right(ring, clip.clip_id, key=lambda donor: donor.clip_id)
    return tuple(ring[(place + step) % len(ring)] for step in range(min(num_donors, len(ring) - 1)))
