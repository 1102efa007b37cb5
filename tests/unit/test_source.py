"""Which weights a name stands for: a folder's files, a hub name's commit."""

from pathlib import Path

import pytest

from tasks.core.config import ModelConfig
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.policy.checkpoint import open_policy, outside_policy
from tasks.policy.named import check_named, digest_of_named
from tasks.policy.source import find_source

_COMMITS = ("a" * 40, "b" * 40)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine without a network, as huggingface_hub lays it out, with two snapshots of one model."""
    from huggingface_hub import constants

    folder = tmp_path / "hub" / "models--team--model"
    for commit in _COMMITS:
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(f'{{"commit": "{commit}"}}')
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(_COMMITS[0])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return folder


def test_a_hub_name_counts_by_the_commit_that_it_stands_for(hub: Path) -> None:
    before = digest_of_named("team/model", ModelConfig(), (), seed=0)
    assert find_source("team/model").address == f"team/model@{_COMMITS[0]}"
    assert digest_of_named("team/model", ModelConfig(), (), seed=0) == before
    (hub / "refs" / "main").write_text(_COMMITS[1])
    assert find_source("team/model").revision == _COMMITS[1]
    assert digest_of_named("team/model", ModelConfig(), (), seed=0) != before


def test_a_revision_can_be_named_and_stays(hub: Path) -> None:
    pinned = outside_policy(f"team/model@{_COMMITS[1]}")
    (hub / "refs" / "main").write_text(_COMMITS[1])
    assert outside_policy("team/model") == pinned
    assert pinned.key.endswith(f"team/model@{_COMMITS[1]}")


@pytest.mark.parametrize("name", ["team/other", f"team/model@{'c' * 40}", "team/model@no-branch"])
def test_a_name_that_stands_for_nothing_here_is_one_line(hub: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.* is not in its cache on this machine; expected the name"):
        check_named(name)


@pytest.mark.parametrize("name", ["a b", "team/model/more", "-x-", "..", "/nowhere", "~/nowhere", "./nowhere"])
def test_what_can_be_no_name_is_one_line(hub: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"^model: .*expected the name of a Qwen3-VL on the hub"):
        check_named(name)


def test_a_folder_counts_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"old")
    before = outside_policy(str(tmp_path))
    assert outside_policy(str(tmp_path)) == before
    (tmp_path / "model.safetensors").write_bytes(b"new")
    assert outside_policy(str(tmp_path)).digest != before.digest
    with pytest.raises(InputError, match="was replaced while the run went on; run the same command again"):
        open_policy(Store(str(tmp_path / "root")), before, "float32")
