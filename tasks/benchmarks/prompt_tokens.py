"""How many tokens the questions of a benchmark are, by the headers of its videos: nothing is
decoded."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath

from tqdm import tqdm

from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.file_facts import FileFacts
from tasks.benchmarks.files import check_own, open_files
from tasks.benchmarks.records import BenchmarkFolder, PromptTokens
from tasks.benchmarks.viubench.folder import built_clips, data_root_of, is_built
from tasks.core.choose import choose_at_random
from tasks.core.digest import digest_of
from tasks.core.objects import is_uri
from tasks.core.stages import code_of
from tasks.core.store import Store
from tasks.core.text_tokens import text_tokens
from tasks.core.types import Sample, VideoFile, View
from tasks.video.frames import vision_tokens
from tasks.video.official import Showing, count_tokens

MOST_OPENED = 64
"""Videos whose headers are read: enough for a mean, and a minute on a slow disk."""
_MOST_FETCHED = 8
"""The same of an object store, from which a video comes whole."""


def count_prompt_tokens(
    store: Store, folder: BenchmarkFolder, samples: Sequence[Sample]
) -> PromptTokens:
    """Of all `samples`, each asked once. Of more videos than `MOST_OPENED` some are drawn by seed,
    and stand for all. `store` remembers what was counted."""
    uses = Counter(_video_of(view) for sample in samples for view in sample.views)
    # What was not found is shown to nobody.
    del uses[""]
    views = {_video_of(view): view for sample in samples for view in sample.views}
    is_fetched = is_uri(folder.folder) and not is_built(folder.folder)
    most = _MOST_FETCHED if is_fetched else MOST_OPENED
    drawn = choose_at_random(sorted(uses), most, str, "videos for tokens", folder.seed)
    facts = FileFacts[int](store, "questions/tokens")
    count = _count_in_clips(folder) if is_built(folder.folder) else _count_in_files(folder, facts)
    by_video, unreadable = {}, {}
    for video in tqdm(drawn, desc=f"headers {folder.name}", unit="video"):
        try:
            by_video[video] = count(views[video])
        except (OSError, ValueError, KeyError) as error:
            check_own(error)
            unreadable[video] = f"{type(error).__name__}: {error}"
    facts.keep()
    # A question counts as often as it is asked, so a video that many show weighs more. What cannot
    # be read counts as nothing, here as where it stands for others.
    counted = sum(uses[video] * tokens for video, tokens in by_video.items())
    share = sum(uses[video] for video in drawn) / (uses.total() or 1)
    return PromptTokens(
        vision=round(counted / share) if share else 0,
        text=sum(map(text_tokens, samples)),
        num_videos=len(uses),
        num_opened=len(drawn),
        unreadable=unreadable,
        by_video=by_video,
    )


def tokens_of(sample: Sample, tokens: PromptTokens) -> int:
    """Of the question's prompt, about; 0 if a video of it was not opened."""
    videos = [*map(_video_of, sample.views)]
    if not all(video in tokens.by_video for video in videos):
        return 0
    return text_tokens(sample) + sum(tokens.by_video[video] for video in videos)


def showing_of(conditions: Conditions) -> Showing:
    """How videos are shown under `conditions`."""
    return Showing(
        fps=conditions.fps,
        max_frames=conditions.max_frames,
        min_area_px=conditions.min_area_px,
        max_area_px=conditions.max_area_px,
    )


def unreadable_of(sample: Sample, tokens: PromptTokens) -> str:
    """Why a video of the question cannot be opened, as far as it was tried; empty if all can."""
    videos = map(_video_of, sample.views)
    return next((tokens.unreadable[video] for video in videos if video in tokens.unreadable), "")


def _count_in_files(folder: BenchmarkFolder, facts: FileFacts[int]) -> Callable[[View], int]:
    files, showing = open_files(folder.folder), showing_of(folder.conditions)

    def read(file: VideoFile) -> int:
        # Of pictures the first one tells the size of all.
        with files.hold(file.paths[:1]):
            return count_tokens(files.root(), file, showing)

    def count(view: View) -> int:
        file = view.file
        assert file is not None
        marks = [files.mark(path) for path in file.paths[:1]]
        asked = digest_of(code_of("answer"), asdict(showing), asdict(file), marks)
        return facts.find(asked, lambda: read(file))

    return count


def _count_in_clips(folder: BenchmarkFolder) -> Callable[[View], int]:
    store, clips = data_root_of(folder.folder), built_clips(folder.folder)

    def count(view: View) -> int:
        clip = clips[view.clip_id]
        if not store.exists(clip.frames_key):
            raise FileNotFoundError(clip.frames_key)
        # Edits change frames, but neither their number nor their size.
        return vision_tokens(view.stop_frame - view.start_frame, clip.height_px, clip.width_px)

    return count


def _video_of(view: View) -> str:
    """Names a video, or the part of one that is shown; empty for one that was not found."""
    file = view.file
    if file is None:
        return f"clip {view.clip_id}, frames {view.start_frame} to {view.stop_frame}"
    if not file.paths:
        return ""
    name = f"{file.paths[0]} to {PurePosixPath(file.paths[-1]).name}"
    part = (file.start_seconds, file.stop_seconds)
    return (name if file.is_frames else file.paths[0]) + (
        "" if part == (None, None) else f", from {part[0]} to {part[1]} s"
    )
