from pathlib import Path

import pytest

from tasks.core.digest import digest_of_folder
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.promote.rollback import fetch_champion, main, move_champion
from tests.helpers.memory_registry import MemoryRegistry


@pytest.fixture
def store(data_root: str) -> Store:
    store = Store(data_root)
    for name in "ab":
        store.write_bytes(f"policies/{name}/config.json", name.encode())
        store.write_bytes(f"policies/{name}/model.safetensors", name.encode())
    return store


@pytest.fixture
def registry(store: Store) -> MemoryRegistry:
    registry = MemoryRegistry()
    for name in "ab":
        key = f"policies/{name}"
        registry.register("videossr", Artifact(key, digest_of_folder(store.local_folder(key))), {})
    registry.move_champion("videossr", "1", last_move=0, champion="")
    registry.move_champion("videossr", "2", last_move=1, champion="1")
    return registry


def test_an_earlier_version_becomes_champion_again(store: Store, registry: MemoryRegistry) -> None:
    told = move_champion(store, registry, "videossr", "1")
    champion = registry.standing("videossr").champion
    assert champion is not None
    assert champion.version == "1"
    assert told == "videossr: the champion is version 1 now, before it was version 2"
    assert (
        move_champion(store, registry, "videossr", "1")
        == "videossr: version 1 is the champion already"
    )


def test_going_back_twice_takes_the_first_one_back(store: Store, registry: MemoryRegistry) -> None:
    assert move_champion(store, registry, "videossr").endswith(
        "is version 1 now, before it was version 2"
    )
    assert move_champion(store, registry, "videossr").endswith(
        "is version 2 now, before it was version 1"
    )


def test_without_an_earlier_champion_a_version_must_be_named(store: Store) -> None:
    with pytest.raises(InputError, match="no earlier champion"):
        move_champion(store, MemoryRegistry(), "videossr")


def test_a_version_that_is_not_there_or_lost_its_files_is_refused(
    store: Store, registry: MemoryRegistry
) -> None:
    with pytest.raises(InputError, match="no version '7'"):
        move_champion(store, registry, "videossr", "7")
    store.delete("policies/a/config.json")
    store.delete("policies/a")
    with pytest.raises(InputError, match="its files are not in the data root"):
        move_champion(store, registry, "videossr", "1")
    champion = registry.standing("videossr").champion
    assert champion is not None
    assert champion.version == "2"


def test_the_champions_files_are_copied_for_a_server(
    store: Store, registry: MemoryRegistry, tmp_path: Path
) -> None:
    assert fetch_champion(store, registry, "videossr", tmp_path / "model").version == "2"
    assert (tmp_path / "model" / "config.json").read_text() == "b"
    with pytest.raises(InputError, match="no champion yet"):
        fetch_champion(store, registry, "other", tmp_path / "model")


def test_a_server_without_a_champion_ends_with_one_line(
    data_root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["--model", "videossr", "--data-root", data_root, "--to", str(tmp_path / "model")])
    assert (
        capsys.readouterr().err
        == "model 'videossr' has no champion yet: a run must promote one first\n"
    )
