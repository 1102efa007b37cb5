"""A folder that begins with a single video and grows, through real `pyflyte run` processes."""

from pathlib import Path

import pytest

from tasks.core.latest import latest_clips
from tasks.core.store import Store
from tasks.core.types import Split
from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow

OVERRIDES = '--overrides={"perturb": {"viubench_items_per_type": 1}, "promote": {"min_videos": 10}}'


def _build(folder: Path, env: dict[str, str], num_clips: int) -> tuple[str, dict[str, Split]]:
    """What was printed, and the side of every video."""
    generate_clips(folder / "videos", num_clips=num_clips, seed=0)
    command = ["run", "workflows/build_dataset.py", "build_dataset", "--preset=smoke", OVERRIDES]
    done = run_pyflyte(
        [*command, f"--videos={folder / 'videos'}", f"--data_root={folder / 'root'}"], env=env
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-4000:]
    return printed, {clip.source: clip.split for clip in latest_clips(Store(str(folder / "root")))}


def test_one_video_is_trained_on_and_stays_so_while_others_are_held_out(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    printed, first = _build(tmp_path, pyflyte_env, 1)
    assert list(first.values()) == [Split.TRAIN]
    assert (
        "0 of 1 videos are held out, promotion needs 10 (promote.min_videos): add about 19 videos"
        in printed
    )
    printed, grown = _build(tmp_path, pyflyte_env, 5)
    assert first.items() <= grown.items()
    assert list(grown.values()).count(Split.HELDOUT) == 2
    assert "2 of 5 clips are held out, fewer than the 10 aimed at" in printed
