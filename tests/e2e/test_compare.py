"""What two nights kept is compared by one command, and MLflow shows the same as a table."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.types import Run
from tasks.tracking.run import finish_run, open_registry, open_tracker, start_run
from tests.helpers.finished_nights import run_nights
from tests.helpers.mlflow_server import MlflowServer, running_server
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.tracked import seen_in_mlflow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def nights(server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs whose challengers both became champion, with their records on a server."""
    root = str(tmp_path_factory.mktemp("root"))
    runs = []
    for key in ("first", "second"):
        run_id = start_run(
            root, experiment="nights", run_key=key, params={}, tracking_uri=server.uri
        )
        runs.append(Run(data_root=root, run_id=run_id, preset="", tracking_uri=server.uri))
    done = run_nights(runs, open_registry(runs[0]), [open_tracker(run) for run in runs])
    assert [(one.version, one.promoted) for one in done] == [("1", True), ("2", True)]
    for run in runs:
        finish_run(run)
    return runs


def _compare(nights: list[Run], env: dict[str, str], *more: str) -> tuple[int, str]:
    args = ["--model_name=videossr", f"--data_root={nights[0].data_root}", *more]
    done = run_pyflyte(["run", "workflows/compare.py", "compare", *args], env=env)
    return done.returncode, done.stdout + done.stderr


def _files(root: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def test_two_versions_are_compared_without_a_tracking_server_and_nothing_is_written(
    nights: list[Run], pyflyte_env: dict[str, str]
) -> None:
    before = _files(nights[0].data_root)
    code, told = _compare(nights, pyflyte_env, "--first=1", "--second=2")
    assert code == 0, told
    assert "videossr: version 2 over version 1, from kept answers" in told
    (mme,) = (line.split() for line in told.splitlines() if line.startswith("mme "))
    assert " ".join(mme[1:]) == "0.333 ± 0.211 0.500 ± 0.224 +0.167 -0.623 to +0.957 6 6"
    (heldout,) = (line.split() for line in told.splitlines() if line.startswith("heldout "))
    summary = json.loads(before[Path(nights[1].data_root, "summary.json")])
    gain = summary["heldout"]["gain_over_champion"]
    assert heldout[7:] == [
        f"{gain['mean']:+.3f}",
        *(f"{gain['low']:+.3f}", "to", f"{gain['high']:+.3f}"),
        *(str(gain["num_items"]), str(gain["num_videos"])),
    ]
    assert _files(nights[0].data_root) == before


def test_the_second_is_whom_the_server_calls_champion(
    nights: list[Run], pyflyte_env: dict[str, str]
) -> None:
    code, told = _compare(
        nights, pyflyte_env, "--first=base", f"--tracking_uri={nights[0].tracking_uri}"
    )
    assert code == 0, told
    assert "videossr: version 2 over base" in told


def test_a_model_alone_shows_its_history_and_a_wrong_version_is_one_line(
    nights: list[Run], pyflyte_env: dict[str, str]
) -> None:
    code, told = _compare(nights, pyflyte_env)
    assert code == 0, told
    lines = [line.split("   ")[0].strip() for line in told.splitlines() if "±" in line]
    assert lines[-3:] == ["base", "version 1", "version 2"]
    code, told = _compare(nights, pyflyte_env, "--first=9")
    assert code == 1
    assert "no run here scored a version '9'" in told
    assert "Traceback" not in told


def test_mlflow_has_the_scores_of_both_nights_as_a_file_and_as_a_table(nights: list[Run]) -> None:
    first, second = (seen_in_mlflow(run) for run in nights)
    kept = Path(nights[0].data_root, "scores", "videossr", "scores.json").read_bytes()
    assert second.files["scores.json"] == kept
    rows = json.loads(kept)["scores"]
    table = second.tables["scores_table.json"]
    for name in ("place", "run_id", "questions", "scores_key", "num_items"):
        assert [row[name] for row in table] == [row[name] for row in rows], name
    # MLflow reads tables with pandas, which may change the last digit.
    assert [row["mean"] for row in table] == pytest.approx([row["mean"] for row in rows])
    assert table[: len(first.tables["scores_table.json"])] == first.tables["scores_table.json"]
    assert {(row["version"], row["place"]) for row in rows} == {
        *((f"{version}", place) for version in "12" for place in ("heldout", "viubench", "mme")),
        *(("1/before", place) for place in ("heldout", "viubench", "mme")),
        *(("2/before", place) for place in ("heldout", "viubench", "mme")),
        ("base", "mme"),
    }
    assert [row["version"] for row in rows if row["is_anchor"] and row["promoted"]] == ["1", "2"]
