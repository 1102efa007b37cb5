"""What the policy answers as it learns, for people: at some steps a page with a few groups, frames and rewards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tasks.core.store import Store
from tasks.core.types import Clip
from tasks.report.page import render_page
from tasks.rollout.collect import Group
from tasks.train.loss import group_advantages
from tasks.video.preview import preview_sheet


@dataclass(frozen=True, kw_only=True)
class ShownGroup:
    """One group on the page."""

    group: Group
    advantages: Sequence[float]
    sheet: bytes
    """PNG."""


def rollouts_page(
    step: int, groups: Sequence[Group], store: Store, clips: Mapping[str, Clip], *, divide_by_std: bool
) -> str:
    """An HTML page: of each pretext task the group whose rewards lie furthest apart, so there is most to see."""
    shown = [
        ShownGroup(
            group=group,
            advantages=group_advantages(torch.tensor([group.rewards]), divide_by_std=divide_by_std)[0].tolist(),
            sheet=preview_sheet(store, group.sample, clips),
        )
        for group in _most_to_see(groups)
    ]
    return render_page(Path(__file__).with_name("rollouts.html.j2"), step=step, shown=shown, num_groups=len(groups))


def _most_to_see(groups: Sequence[Group]) -> list[Group]:
    best: dict[str, Group] = {}
    for group in sorted(groups, key=lambda g: (min(g.rewards) - max(g.rewards), g.sample.sample_id)):
        best.setdefault(group.sample.pretext, group)
    return [best[pretext] for pretext in sorted(best)]
