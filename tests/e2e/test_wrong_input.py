"""What a person gets wrong ends in one clear message, exit code 1 and nothing half-written."""

from pathlib import Path

import pytest

from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow


def _refused(env: dict[str, str], root: Path, *options: str) -> str:
    done = run_pyflyte(
        ["run", "workflows/retrain.py", "retrain", f"--data_root={root}", *options], env=env
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--videos=missing", "--preset=demo"], "missing"),
        (["--videos=empty", "--preset=demo"], "empty"),
        (
            ["--videos=text", "--preset=dmeo"],
            "unknown preset 'dmeo'; expected one of: demo, smoke, ",
        ),
        (
            ["--videos=text", '--overrides={"train": {"num_step": 1}}'],
            "did you mean train.num_steps?",
        ),
        (
            ["--videos=text", '--overrides={"train": {"num_steps": "1"}}'],
            "config train.num_steps: got '1' (str)",
        ),
        (["--videos=text", "--overrides=[1]"], "expected a JSON object"),
        (
            ["--videos=text", '--overrides={"perturb": {"jigsaw_kinds": ["clip"]}}'],
            "perturb.jigsaw_kinds: unknown clip",
        ),
        (
            ["--videos=text", '--overrides={"ingest": {"avoid": ["a.parquet"]}}'],
            "ingest.avoid: 'a.parquet' is not in",
        ),
        (
            ["--videos=text", '--overrides={"ingest": {"for_training": false}}'],
            "config ingest.for_training: got False",
        ),
        (
            ["--videos=text", "--preset=demo", '--overrides={"model": {"dtype": "bfloat16"}}'],
            "config train.zero_stage",
        ),
        (["--videos=text", '--overrides={"model": {"base": "random"}}'], "model: "),
        (["--videos=text", "--data_root="], "data_root: got ''"),
    ],
)
def test_wrong_arguments_write_nothing(
    pyflyte_env: dict[str, str], tmp_path: Path, options: list[str], message: str
) -> None:
    for name in ("empty", "text"):
        (tmp_path / name).mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no video")
    given = [
        f"--videos={tmp_path}/{o.removeprefix('--videos=')}" if o.startswith("--videos") else o
        for o in options
    ]
    root = tmp_path / "root"
    assert message in _refused(pyflyte_env, root, *given)
    assert not root.exists()


@pytest.mark.parametrize("root", ["a file", "a file/below"])
def test_a_data_root_that_cannot_be_written_is_refused_before_a_video_is_read(
    pyflyte_env: dict[str, str], tmp_path: Path, root: str
) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4")
    (tmp_path / "a file").write_text("mine")
    message = _refused(
        pyflyte_env, tmp_path / root, f"--videos={tmp_path}/videos", "--preset=smoke"
    )
    assert f"data_root: '{tmp_path / root}' cannot be written to (" in message
    assert (tmp_path / "a file").read_text() == "mine"


def test_a_folder_without_a_video_is_refused_with_the_reasons(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "notes.txt").write_text("no video")
    message = _refused(
        pyflyte_env, tmp_path / "root", f"--videos={tmp_path}/videos", "--preset=smoke"
    )
    assert "none of the 1 files could be used" in message
    assert "1 not a video" in message
