"""The pretext tasks. A new one is a file with a class like these and one entry here."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tasks.core.config import PerturbConfig
from tasks.core.types import Clip, Sample
from tasks.perturb.counting import Counting
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import Grounding
from tasks.perturb.jigsaw import Jigsaw
from tasks.perturb.marks import Marks, TimedMarks


class PretextTask(Protocol):
    """Makes questions whose answer is known because it planned the edits."""

    @property
    def name(self) -> str: ...

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        """The variants to plan."""
        ...

    def num_donors(self, kind: str) -> int:
        """How many other clips of the same split it wants to choose from; 0 if it borrows no
        frames."""
        ...

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        """One sample; a pure function of its arguments and the state of `rng`. `donors` may be
        fewer than wanted.

        Raises:
            tasks.perturb.item.UnplannableError: the clip does not allow it.
        """
        ...


PRETEXTS: dict[str, PretextTask] = {
    task.name: task for task in (Grounding(), Counting(), Jigsaw(), Marks(), TimedMarks())
}
