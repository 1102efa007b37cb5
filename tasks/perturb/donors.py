"""Which other clips a clip may borrow frames from.

The clips of one split stand on a ring, ordered by their ids (content hashes, so the order means nothing), and a clip's
donors are the next ones. So donors never come from another split, and one more video changes the donors of its
neighbours only.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tasks.core.types import Clip

Donors: TypeAlias = Mapping[str, tuple[Clip, ...]]
"""By clip id; fewer than wanted, or none, where the split has too few clips."""


def ring_donors(clips: Iterable[Clip], num_donors: int) -> Donors:
    """The `num_donors` next clips on the ring of its split, for every clip."""
    rings: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        rings.setdefault(clip.split, []).append(clip)
    return {
        clip.clip_id: tuple(ring[(place + step) % len(ring)] for step in range(1, min(num_donors, len(ring) - 1) + 1))
        for ring in rings.values()
        for place, clip in enumerate(ring)
    }
