"""A page of samples: a few groups of a step with their frames, answers, rewards and advantages."""

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
class GroupSection:
    """One group on the page."""

    group: Group
    advantages: Sequence[float]
    sheet: bytes
    """PNG."""


def samples_page(
    step: int,
    groups: Sequence[Group],
    store: Store,
    clips: Mapping[str, Clip],
    *,
    divide_by_std: bool,
) -> str:
    """An HTML page: of each pretext task the group whose rewards lie furthest apart."""

    def section(group: Group) -> GroupSection:
        rewards = torch.tensor([group.rewards])
        advantages = group_advantages(rewards, divide_by_std=divide_by_std)
        sheet = preview_sheet(store, group.sample, clips)
        return GroupSection(group=group, advantages=advantages[0].tolist(), sheet=sheet)

    return render_page(
        Path(__file__).with_name("samples_page.html.j2"),
        step=step,
        sections=[section(group) for group in _widest(groups)],
        num_groups=len(groups),
    )


def _widest(groups: Sequence[Group]) -> list[Group]:
    def closeness(group: Group) -> tuple[float, str]:
        return min(group.rewards) - max(group.rewards), group.sample.sample_id

    best: dict[str, Group] = {}
    for group in sorted(groups, key=closeness):
        best.setdefault(group.sample.pretext, group)
    return [best[pretext] for pretext in sorted(best)]
