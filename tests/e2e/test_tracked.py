"""Commands with an MLflow server that wants a password: what a person does between two tries, and
what is kept."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.video.generate import generate_clips
from tests.helpers.faulty_proxy import FaultyProxy, faulty_proxy
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow
PASSWORD = "p%40ss-w0rd"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[FaultyProxy]:
    server = MlflowServer(tmp_path / "mlflow")
    server.start()
    try:
        with faulty_proxy(server.uri, "bob", "p@ss-w0rd") as proxy:
            yield proxy
    finally:
        server.kill()


def test_the_same_command_goes_on_after_videos_were_added(
    guarded: FaultyProxy, pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    videos, root = tmp_path / "videos", tmp_path / "root"
    videos.mkdir()
    (videos / "notes.txt").write_text("no video yet")
    secret = guarded.uri.replace("://", f"://bob:{PASSWORD}@")
    places = [f"--videos={videos}", f"--data_root={root}", f"--tracking_uri={secret}"]
    command = ["run", "workflows/build_dataset.py", "build_dataset", "--preset=smoke", *places]
    first = run_pyflyte(command, env=pyflyte_env)
    assert first.returncode == 1
    assert "none of the 1 files could be used" in first.stdout + first.stderr
    generate_clips(videos, num_clips=6, seed=0)
    second = run_pyflyte(command, env=pyflyte_env)
    assert second.returncode == 0, second.stdout[-3000:] + second.stderr[-3000:]

    os.environ.update(MLFLOW_TRACKING_USERNAME="bob", MLFLOW_TRACKING_PASSWORD="p@ss-w0rd")
    try:
        client = MlflowClient(guarded.uri)
        places = [found.experiment_id for found in client.search_experiments()]
        (run,) = client.search_runs(places)
    finally:
        del os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]
    assert (run.info.status, run.data.metrics["ingest/videos"]) == ("FINISHED", 7)
    assert not [name for name in run.data.tags if re.search("fail|error", name)]

    told = [done.stdout + done.stderr for done in (first, second)] + [
        str(run.data.tags),
        str(run.data.params),
    ]
    assert not [text for text in told if "w0rd" in text]
    assert [
        path for path in tmp_path.rglob("*") if path.is_file() and b"w0rd" in path.read_bytes()
    ] == []
