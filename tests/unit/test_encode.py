from pathlib import Path

import pytest

from tasks.video.encode import write_mp4
from tests.helpers.videos import moving_frames

pytestmark = pytest.mark.slow


def test_bytes_repeat_and_nothing_else_is_left(tmp_path: Path) -> None:
    for name in ("a.mp4", "b: odd name.mp4"):
        write_mp4(tmp_path / name, moving_frames(20), 10.0)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b: odd name.mp4").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        write_mp4(tmp_path / "a.mp4", moving_frames(4, width=97), 10.0)


def test_a_failing_encoder_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="could not write"):
        write_mp4(tmp_path / "missing" / "a.mp4", moving_frames(4), 10.0)
    assert list(tmp_path.iterdir()) == []
