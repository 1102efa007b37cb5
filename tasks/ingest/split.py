"""Which clips are held out: the lowest hashes of contents, as many as a decision needs, and none that was trained on.

A clip is held out if the hash of its content falls below the share, or is among the lowest as long as that leaves fewer
than `min_heldout_clips`. So the side hangs on contents alone, not on names or the order of arrival, and as videos
arrive the lowest ones move up: a clip may go from held out to training. It never comes back, because whatever was in
training stays there, and so does what looks like it (`tasks.ingest.history`): without that, a video that is taken away
would make room for one that a model has learned from, and so would a folder that grows from too small to large enough.

Look-alikes share a side. Training comes first: at least `min_train_clips` are left for it, and for the lowest hashes
alone at most half of the clips is held out.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from tasks.core.config import IngestConfig
from tasks.core.seeding import uniform_hash
from tasks.core.types import Split


def assign_sides(
    contents: Sequence[str], groups: Sequence[int], trained: Collection[int], config: IngestConfig
) -> list[Split]:
    """The side of every clip, from the SHA-256 of its content and the number of its group of look-alikes.

    `trained` are the positions of clips that were in training, or look like one that was.
    """
    if not config.for_training:
        return [Split.HELDOUT] * len(contents)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    barred = {groups[position] for position in trained}
    # The highest hash speaks for a group: who joins it can only lead it to training.
    places = {
        group: max(uniform_hash("split", contents[position]) for position in found)
        for group, found in members.items()
        if group not in barred
    }
    most, half = len(contents) - config.min_train_clips, len(contents) // 2
    heldout: list[int] = []
    for group in sorted(places, key=lambda group: places[group]):
        number = len(heldout) + len(members[group])
        is_lowest = len(heldout) < config.min_heldout_clips and number <= half
        if number <= most and (is_lowest or places[group] < config.heldout_share):
            heldout += members[group]
    chosen = set(heldout)
    return [Split.HELDOUT if position in chosen else Split.TRAIN for position in range(len(contents))]
