"""A folder to look at: for each sample a contact sheet and a short video, and a page that shows them all."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.preview.outputs import PreviewSet
from tasks.preview.wish import Wish, choose
from tasks.report.page import render_page
from tasks.video.preview import preview_mp4, preview_name, preview_sheet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One sample on the page."""

    sample: Sample
    sources: tuple[str, ...]
    """The videos it was made from."""
    name: str
    """Of its files, without ending."""


def write_gallery(
    store: Store, target: Store, folder: str, samples: Iterable[Sample], clips: Mapping[str, Clip], wish: Wish
) -> PreviewSet:
    """Write what fits `wish` to `folder` of `target` (empty: its root); a sample that cannot be shown is left out.

    Raises:
        InputError: no sample fits.
    """
    chosen = choose(samples, wish)
    shown, left_out = [], {}
    for number, sample in enumerate(tqdm(chosen.samples, desc="preview", unit="sample")):
        name = preview_name(number, sample)
        try:
            files = {"png": preview_sheet(store, sample, clips), "mp4": preview_mp4(store, sample, clips)}
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            left_out[sample.sample_id] = f"{type(error).__name__}: {error}"
            logger.warning("sample %s left out: %s", sample.sample_id, left_out[sample.sample_id])
            continue
        for ending, data in files.items():
            target.write_bytes(f"{folder}{name}.{ending}", data)
        sources = tuple(dict.fromkeys(clips[view.clip_id].source for view in sample.views))
        shown.append(Shown(sample=sample, sources=sources, name=name))
    page = render_page(
        Path(__file__).with_name("index.html.j2"),
        shown=shown,
        left_out=left_out,
        num_fitting=chosen.num_fitting,
        wish=wish,
    )
    target.write_bytes(f"{folder}index.html", page.encode())
    return PreviewSet(
        index=target.path(f"{folder}index.html"),
        num_samples=len(shown),
        num_fitting=chosen.num_fitting,
        left_out=left_out,
    )
