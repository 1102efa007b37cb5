"""Samples -> a data set of another project's layout, beside the videos it names.

Videos are rendered one after the other and each is written whole, under a name made of nothing but
its content: it tells neither question nor answer, and a killed export goes on where it stopped. The
rows come last. mp4 is compressed after the edits (nearly without loss); `frames` writes PNG
pictures, the very pixels our own training sees.
"""

import io
import logging
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from statistics import median

from PIL import Image
from tqdm import tqdm

from tasks.core.digest import digest_of
from tasks.core.manifest import read_rows
from tasks.core.records import ExportedSet
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, View
from tasks.exchange.export_manifest import (
    ExportPlan,
    Manifest,
    count_cells,
    refuse_mixture,
    write_manifest,
)
from tasks.exchange.layouts import LAYOUTS
from tasks.exchange.row import Row, VideoFiles
from tasks.video.encode import write_mp4
from tasks.video.frames import Frames
from tasks.video.render import ShownVideo, render_sample, view_timestamps

_MP4_QUALITY = 10
"""x264's constant rate factor: differences stay below what the frame store's own JPEGs have."""
_ONE_FRAME_FPS = 1.0

logger = logging.getLogger(__name__)


def export_samples(source: Store, target: Store, plan: ExportPlan) -> ExportedSet:
    """Write one split into `target`; what an earlier, killed export of it left there is kept.

    Raises:
        InputError: another split lies there in another layout.
    """
    refuse_mixture(target, plan)
    clips = {clip.clip_id: clip for clip in read_rows(source, plan.clips, Clip)}
    samples = [row for row in read_rows(source, plan.samples, Sample) if row.split == plan.split]
    rows, left_out = [], {}
    for sample in tqdm(samples, desc=f"export {plan.layout}", unit="sample"):
        try:
            rows.append(_export_one(source, target, sample, clips, plan))
        except (ValueError, OSError, KeyError) as error:
            left_out[sample.sample_id] = f"{type(error).__name__}: {error}"
            logger.warning("sample %s left out: %s", sample.sample_id, left_out[sample.sample_id])
    return _finish(target, plan, rows, left_out)


def _export_one(
    source: Store, target: Store, sample: Sample, clips: Mapping[str, Clip], plan: ExportPlan
) -> Row:
    names = [f"videos/{_video_name(view, clips[view.clip_id])}" for view in sample.views]
    missing = {name for name in names if not target.exists(_last_file(name, plan.videos))}
    if missing:
        for name, video in zip(names, render_sample(source, sample, clips), strict=True):
            if name in missing:
                _write_video(target, name, video, plan.videos)
    return Row(
        sample_id=sample.sample_id,
        split=sample.split,
        pretext=sample.pretext,
        kind=sample.kind,
        level=sample.level,
        question=sample.question,
        answer=sample.answer,
        answer_kind=sample.answer_kind,
        videos=tuple(
            _files(name, view, clips[view.clip_id], plan)
            for name, view in zip(names, sample.views, strict=True)
        ),
    )


def _video_name(view: View, clip: Clip) -> str:
    """Opaque: a digest of everything that decides about the pixels."""
    # The frames' key too: one content that was stored with other settings has other pixels.
    return digest_of(clip.sha256, clip.frames_key, asdict(view))


def _files(name: str, view: View, clip: Clip, plan: ExportPlan) -> VideoFiles:
    times = view_timestamps(view, clip)
    is_frames = plan.videos == "frames"
    paths = (
        [_frame_key(name, index) for index in range(len(times))] if is_frames else [f"{name}.mp4"]
    )
    return VideoFiles(
        paths=tuple(f"{plan.prefix}{path}" for path in paths),
        is_frames=is_frames,
        fps=_fps(times),
        timestamps_seconds=times,
        area_px=clip.width_px * clip.height_px,
    )


def _fps(times: Sequence[float]) -> float:
    steps = [later - earlier for earlier, later in pairwise(times)]
    # The median, so that one gap between frames does not slow down the whole mp4.
    return round(1 / median(steps), 6) if steps and median(steps) > 0 else _ONE_FRAME_FPS


def _frame_key(name: str, index: int) -> str:
    return f"{name}/{index:05d}.png"


def _last_file(name: str, videos: str) -> str:
    """Written last: where it is, the video is whole."""
    return _frame_key(name, 0) if videos == "frames" else f"{name}.mp4"


def _write_video(target: Store, name: str, video: ShownVideo, videos: str) -> None:
    if videos == "frames":
        for index in reversed(range(len(video.frames))):  # the first frame last, see `_last_file`
            target.write_bytes(_frame_key(name, index), _png(video.frames[index]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_mp4(path, video.frames, _fps(video.timestamps_seconds), quality=_MP4_QUALITY)
        target.write_bytes(f"{name}.mp4", path.read_bytes())


def _png(frame: Frames) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _finish(
    target: Store, plan: ExportPlan, rows: Sequence[Row], left_out: Mapping[str, str]
) -> ExportedSet:
    layout = LAYOUTS[plan.layout]
    data = layout.write([layout.to_record(row, number) for number, row in enumerate(rows)])
    file_name = f"{plan.split}{layout.suffix}"
    videos = {video.paths[0] for row in rows for video in row.videos}
    target.write_bytes(file_name, data)
    manifest = Manifest(
        plan=plan,
        digest=digest_of(*(asdict(row) for row in rows)),
        file=file_name,
        num_rows=len(rows),
        num_videos=len(videos),
        cells=count_cells(rows),
        left_out=dict(left_out),
    )
    write_manifest(target, manifest)
    kinds = Counter(reason.split(":", 1)[0] for reason in left_out.values())
    return ExportedSet(
        file=target.path(file_name),
        num_rows=len(rows),
        num_videos=len(videos),
        left_out=dict(sorted(kinds.items())),
    )
