"""A registered policy is found where it lies: on any server, from any data root; or one line says
that it is not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from tasks.core.checks import MODEL_NAME
from tasks.core.config import PromoteConfig
from tasks.core.digest import digest_of_folder
from tasks.core.errors import InputError
from tasks.core.store import Store, locate
from tasks.core.types import Artifact, Run
from tasks.promote.rollback import fetch_champion, move_champion
from tasks.tracking.check import check_tracking, find_champion
from tasks.tracking.run import open_registry, start_run
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.mlflow_server import MlflowServer, running_server
from tests.helpers.tracked import mlflow_uri

pytestmark = pytest.mark.slow
KEY = "trained/k/policy"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(params=["sqlite", "server", "server and file URI"])
def run(request: pytest.FixtureRequest, server: MlflowServer, data_root: str) -> Run:
    uri = "" if request.param == "sqlite" else server.uri
    return _start(f"file://{data_root}" if "file" in request.param else data_root, uri)


def _start(root: str, uri: str) -> Run:
    if not uri:
        put_empty_database(Path(root) / "mlflow.db")
    run_id = start_run(root, experiment="places", run_key="k", params={}, tracking_uri=uri)
    return Run(data_root=root, run_id=run_id, preset="places", tracking_uri=uri)


_FILES = ("config.json", "model.safetensors")


def _digest(run: Run) -> str:
    return digest_of_folder(Store(run.data_root).local_folder(KEY))


def _promote(run: Run, name: str, made_by: str, files: tuple[str, ...] = _FILES) -> str:
    """Files in the run's data root, registered as the champion."""
    for file in files:
        content = (
            {"weight_map": {"a": "part-1.safetensors"}} if "index" in file else {"made by": made_by}
        )
        Store(run.data_root).write_bytes(f"{KEY}/{file}", json.dumps(content).encode())
    registry = open_registry(run)
    version = registry.register(name, Artifact(KEY, _digest(run)), {})
    standing = registry.standing(name)
    registry.move_champion(name, version, last_move=standing.last_move, champion=standing.version)
    return version


def test_any_data_root_registers_and_promotes_on_any_server(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    version = _promote(run, name, "aaa")
    store, registry = Store(run.data_root), open_registry(run)
    assert check_tracking(run.data_root, run.tracking_uri, name) == run.tracking_uri
    champion = find_champion(store, registry, name)
    assert champion is not None
    assert (champion.version, champion.policy) == (version, Artifact(KEY, _digest(run)))
    assert fetch_champion(store, registry, name, tmp_path / "model") == champion
    assert json.loads((tmp_path / "model" / "config.json").read_text()) == {"made by": "aaa"}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri(run))
    fetched = {
        path.name: path.read_text()
        for path in Path(download_artifacts(f"models:/{name}@champion")).iterdir()
    }
    if run.tracking_uri:  # the server cannot know a path of its client
        assert json.loads(fetched["policy.json"]) == {
            "address": f"{run.data_root}/{KEY}",
            "digest": _digest(run),
            "data_root": run.data_root,
        }
        assert f"{run.data_root}/{KEY}" in fetched["README.md"]
    else:
        assert fetched.keys() == {"config.json", "model.safetensors"}


def test_a_champion_of_another_data_root_is_taken_from_there(
    server: MlflowServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    first, second = (_start(str(tmp_path / root), server.uri) for root in "ab")
    _promote(first, name, "aaa")
    registry, store = open_registry(second), Store(second.data_root)
    champion = find_champion(store, registry, name)
    assert champion is not None
    assert champion.policy == Artifact(f"{first.data_root}/{KEY}", _digest(first))
    place, key = locate(store, champion.policy.key)
    assert (place.local_folder(key) / "config.json").is_file()
    fetch_champion(store, registry, name, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text()) == {"made by": "aaa"}

    assert _promote(second, name, "bbb") == "2"
    assert move_champion(store, registry, name).endswith(
        "is version 1 now, before it was version 2"
    )
    found = find_champion(Store(first.data_root), open_registry(first), name)
    assert found is not None
    assert found.policy == Artifact(KEY, _digest(first))
    Store(first.data_root).delete(KEY)
    with pytest.raises(
        InputError, match=f"version 1 .* are not in the data root .*{first.data_root}"
    ):
        check_tracking(first.data_root, server.uri, name)


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors", "part-1.safetensors", ""])
def test_a_champion_without_its_files_is_one_line_before_anything_starts(
    data_root: str, gone: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, "")
    name, index = request.node.name, "model.safetensors.index.json"
    files = (
        ("config.json", index, "part-1.safetensors")
        if "part" in gone
        else ("config.json", "model.safetensors")
    )
    _promote(run, name, "aaa", files)
    check_tracking(run.data_root, run.tracking_uri, name)
    Store(run.data_root).delete(f"{KEY}/{gone}" if gone else KEY)
    with pytest.raises(
        InputError, match=f"no {gone or 'config.json'}.*put them back there, or make another"
    ) as told:
        check_tracking(run.data_root, run.tracking_uri, name)
    assert "\n" not in str(told.value)


def test_a_champion_whose_files_are_others_is_one_line_before_anything_starts(
    data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, "")
    _promote(run, request.node.name, "aaa")
    Store(run.data_root).write_bytes(f"{KEY}/model.safetensors", b"of somebody else")
    with pytest.raises(
        InputError, match=r"other content than was registered.*put them back there, or make another"
    ):
        check_tracking(run.data_root, run.tracking_uri, request.node.name)


def test_a_version_that_named_no_address_lies_where_it_was_registered_from(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run, name = _start(str(tmp_path / "new"), ""), request.node.name
    old = tmp_path / "old"
    client = MlflowClient(mlflow_uri(run))
    client.create_registered_model(name)
    for file in _FILES:
        Store(str(tmp_path / "as it was")).write_bytes(file, b"{}")
    tags = {
        "videossr.policy_key": KEY,
        "videossr.policy_digest": digest_of_folder(tmp_path / "as it was"),
    }
    client.create_model_version(name, f"{old}/{KEY}", run.run_id, tags=tags)
    client.set_registered_model_alias(name, "champion", "1")
    with pytest.raises(
        InputError, match=f"not in the other data root that it lies in .{old}/{KEY}: no config.json"
    ):
        check_tracking(run.data_root, "", name)
    for root in (run.data_root, str(old)):  # moved, and then back
        for file in _FILES:
            Store(root).write_bytes(f"{KEY}/{file}", b"{}")
        champion = find_champion(Store(run.data_root), open_registry(run), name)
        assert champion is not None
        assert champion.policy.key == (KEY if root == run.data_root else f"{old}/{KEY}")


def test_a_version_that_names_no_file_at_all_is_passed_over(
    run: Run, request: pytest.FixtureRequest
) -> None:
    client = MlflowClient(mlflow_uri(run))
    client.create_registered_model(request.node.name)
    client.create_model_version(request.node.name, f"runs:/{run.run_id}/x", run.run_id)
    client.set_registered_model_alias(request.node.name, "champion", "1")
    check_tracking(run.data_root, run.tracking_uri, request.node.name)
    assert find_champion(Store(run.data_root), open_registry(run), request.node.name) is None


def test_a_history_that_an_earlier_version_kept_in_a_second_model_goes_on(
    run: Run, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    name, client = request.node.name, MlflowClient(mlflow_uri(run))
    registry = open_registry(run)
    for version in "123":
        Store(run.data_root).write_bytes(f"{KEY}/{version}/config.json", version.encode())
        Store(run.data_root).write_bytes(f"{KEY}/{version}/model.safetensors", version.encode())
        digest = digest_of_folder(Store(run.data_root).local_folder(f"{KEY}/{version}"))
        assert registry.register(name, Artifact(f"{KEY}/{version}", digest), {}) == version
    client.create_registered_model(f"{name}-champions")
    for after, version, before, finished in (
        ("0", "1", "", {"finished": "true"}),
        ("1", "2", "1", {"finished": "true"}),
        ("1", "3", "1", {}),  # overtaken by the one above: it never took effect
        ("2", "3", "2", {}),  # cut off before the alias followed
    ):
        tags = {"after": after, "version": version, "before": before, "run_id": "r", **finished}
        client.create_model_version(f"{name}-champions", f"models:/{name}/{version}", tags=tags)
    client.set_registered_model_alias(name, "champion", "2")

    standing = registry.standing(name)
    assert (standing.version, standing.last_move) == ("3", 4)
    assert [(move.number, move.before, move.version) for move in standing.moves] == [
        (1, "", "1"), (2, "1", "2"), (4, "2", "3"),
    ]  # fmt: skip
    assert str(client.get_model_version_by_alias(name, "champion").version) == "3"
    registry.move_champion(
        name, "3", last_move=2, champion="2"
    )  # what the earlier version decided, given again
    client.delete_registered_model(f"{name}-champions")
    assert registry.standing(name) == standing
    assert move_champion(Store(run.data_root), registry, name).endswith(
        "is version 2 now, before it was version 3"
    )
    assert registry.standing(name).last_move == 5
    (line,) = [
        record.message
        for record in caplog.records
        if record.name == "tasks.tracking.mlflow_registry"
    ]
    assert "3 changes" in line
    assert "may be deleted" in line


_NAMES = st.text(st.sampled_from("aZ0 ._-'\"`%&?#@+()[]{}=<>$!*~^|;,ü視"), min_size=1, max_size=12)


@given(name=_NAMES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_that_is_let_through_can_be_registered_and_found(
    server: MlflowServer, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    if MODEL_NAME.holds(name):
        run = _start(str(tmp_path_factory.getbasetemp() / "names"), server.uri)
        version = _promote(run, name, name.encode().hex())
        champion = find_champion(Store(run.data_root), open_registry(run), name)
        assert champion is not None
        assert champion.version == version


_REFUSED = [
    "",
    " ",
    " a",
    "team/video",
    "a:b",
    "../../x",
    "..",
    ".",
    "a\\b",
    "a\nb",
    "' and \"",
    "x-champions",
    "a" * 201,
]


@pytest.mark.parametrize("name", _REFUSED)
def test_a_name_that_the_registry_would_refuse_is_refused_at_once(
    name: str, data_root: str
) -> None:
    for refused in (
        lambda: PromoteConfig(model_name=name),
        lambda: move_champion(Store(data_root), MemoryRegistry(), name),
        lambda: check_tracking(data_root, "", name or "/"),
    ):
        with pytest.raises(
            ValueError, match=r"model_name: got .* expected a name that MLflow"
        ) as told:
            refused()
        assert "\n" not in str(told.value)
