"""A folder of samples: for each a contact sheet and a short video, and a page that shows them
all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tasks.core.records import PreviewSet
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.preview.filter import SampleFilter, filter_samples
from tasks.report.page import render_page
from tasks.video.preview import draw_each, preview_mp4, preview_name, preview_sheet


@dataclass(frozen=True, kw_only=True)
class GalleryEntry:
    """One sample on the page."""

    sample: Sample
    sources: tuple[str, ...]
    """The videos it was made from."""
    name: str
    """Of its files, without ending."""


def write_gallery(
    store: Store,
    target: Store,
    folder: str,
    samples: Iterable[Sample],
    clips: Mapping[str, Clip],
    sample_filter: SampleFilter,
) -> PreviewSet:
    """Write what fits to `folder` of `target` (empty: its root); a sample that cannot be shown is
    left out.

    Raises:
        InputError: no sample fits.
    """
    chosen, num_fitting = filter_samples(samples, sample_filter)
    left_out: dict[str, str] = {}

    def draw(sample: Sample) -> dict[str, bytes]:
        # Both before either is written: a sample whose video fails leaves no lone picture behind.
        return {
            "png": preview_sheet(store, sample, clips),
            "mp4": preview_mp4(store, sample, clips),
        }

    entries = []
    drawn = draw_each(tqdm(chosen, desc="preview", unit="sample"), draw, left_out)
    for number, (sample, files) in enumerate(drawn):
        name = preview_name(number, sample)
        for ending, data in files.items():
            target.write_bytes(f"{folder}{name}.{ending}", data)
        sources = tuple(dict.fromkeys(clips[view.clip_id].source for view in sample.views))
        entries.append(GalleryEntry(sample=sample, sources=sources, name=name))
    page = render_page(
        Path(__file__).with_name("index.html.j2"),
        entries=entries,
        left_out=left_out,
        num_fitting=num_fitting,
        sample_filter=sample_filter,
    )
    # Last: where the page is, all that it shows is there.
    target.write_bytes(f"{folder}index.html", page.encode())
    return PreviewSet(
        index=target.path(f"{folder}index.html"),
        num_samples=len(entries),
        num_fitting=num_fitting,
        left_out=left_out,
    )
