"""Whether the challenger becomes champion: the gain on VIUBench, item by item, against what is known to be good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tasks.core.scores import AFTER, BEFORE, ModelScores
from tasks.core.statistics import Difference
from tasks.tracking.tracker import RegisteredModel


@dataclass(frozen=True)
class Decision:
    """The answer, and the numbers it rests on."""

    promoted: bool
    reason: str
    opponent: str = ""
    """Name of the scores that the challenger was compared with; empty if there was nothing to compare."""
    gain: Difference | None = None
    """On VIUBench, over the opponent."""


def decide(
    scores: Mapping[str, ModelScores],
    champion: RegisteredModel | None,
    gain_over: Callable[[ModelScores], Difference],
    min_z: float,
) -> Decision:
    """Compare the challenger with the champion, or with the start model as long as there is none.

    `gain_over` gives the challenger's gain on VIUBench over a scored model.
    """
    if champion is None:
        return judge(gain_over(scores[BEFORE]), opponent=BEFORE, label="the start model", min_z=min_z)
    label = f"champion version {champion.version}"
    if champion.policy.digest == scores[AFTER].policy.digest:
        return Decision(promoted=False, reason=f"unchanged: the challenger has the weights of {label}")
    opponent = next((s for s in scores.values() if s.policy.digest == champion.policy.digest), None)
    if opponent is None:
        return Decision(
            promoted=False, reason=f"{label} was not scored on these items, so nothing shows a gain over it"
        )
    return judge(gain_over(opponent), opponent=opponent.name, label=label, min_z=min_z)


def judge(gain: Difference, *, opponent: str, label: str, min_z: float) -> Decision:
    """Promoted if and only if the gain is above 0 and above `min_z` standard errors."""
    promoted = gain.mean > 0 and gain.mean > min_z * gain.se
    reason = (
        f"{gain.mean:+.4f} on VIUBench over {label} (standard error {gain.se:.4f}, {gain.num_items} items): "
        f"z is {gain.z:.2f}, {'above' if promoted else 'not above'} the {min_z:g} needed"
    )
    return Decision(promoted=promoted, reason=reason, opponent=opponent, gain=gain)
