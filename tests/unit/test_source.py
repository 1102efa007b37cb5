"""Which weights a name stands for: a folder's files, a hub name's commit; and which name stands for
none."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tasks.core.config import ModelConfig
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.policy.checkpoint import open_policy, outside_policy
from tasks.policy.named import check_named, digest_of_named
from tasks.policy.source import check_source, find_source

_COMMITS = ("a" * 40, "b" * 40)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine without a network, as huggingface_hub lays it out, with two snapshots
    of one model."""
    from huggingface_hub import constants

    folder = tmp_path / "hub" / "models--team--model"
    for commit in _COMMITS:
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(f'{{"model_type": "qwen3_vl", "commit": "{commit}"}}')
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
    with pytest.raises(
        InputError, match=f"{name}.* is not in its cache on this machine; expected the name"
    ):
        check_named(name)


@pytest.mark.parametrize(
    "name", ["a b", "team/model/more", "-x-", "..", "/nowhere", "~/nowhere", "./nowhere"]
)
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
    with pytest.raises(
        InputError, match="was replaced while the run went on; run the same command again"
    ):
        open_policy(Store(str(tmp_path / "root")), before, "float32")


def test_what_is_hidden_in_a_folder_is_none_of_the_models_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = find_source(str(tmp_path))
    for name in (".git/index", ".cache/huggingface/download/config.json.metadata", ".DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("today")
    assert find_source(str(tmp_path)) == before
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert find_source(str(tmp_path)) != before


_INDEX = "model.safetensors.index.json"


def _model_folder(folder: Path) -> Path:
    """What can be told of a model without loading it."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen3_vl"}')
    for name in ("tokenizer.json", "processor_config.json"):
        (folder / name).write_text("{}")
    save_file({"weight": np.zeros(100)}, folder / "model.safetensors")
    return folder


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _into_parts(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / _INDEX).write_text(json.dumps({"weight_map": parts}))


_SPOILERS: dict[str, Callable[[Path], object]] = {
    "is a 'qwen2_5_vl'": lambda folder: (folder / "config.json").write_text(
        '{"model_type": "qwen2_5_vl"}'
    ),
    "is a 'qwen3_vl_moe'": lambda folder: (folder / "config.json").write_text(
        '{"model_type": "qwen3_vl_moe"}'
    ),
    "config.json that cannot be read": lambda folder: (folder / "config.json").write_text("[]"),
    "no config.json": lambda folder: (folder / "config.json").unlink(),
    "no model.safetensors or": lambda folder: (folder / "model.safetensors").rename(
        folder / "pytorch_model.bin"
    ),
    "no model-00002-of-00002.safetensors": _into_parts,
    "is damaged or not whole": lambda folder: _cut(folder / "model.safetensors"),
    "run git lfs pull": lambda folder: (folder / "tokenizer.json").write_text(
        "version https://git-lfs.github.com/"
    ),
    "no tokenizer.json": lambda folder: (folder / "tokenizer.json").unlink(),
    "no preprocessor_config.json or": lambda folder: (folder / "processor_config.json").unlink(),
}


@pytest.mark.parametrize("told", _SPOILERS)
def test_a_folder_that_no_policy_can_be_loaded_from_is_one_line(tmp_path: Path, told: str) -> None:
    folder = _model_folder(tmp_path / "model")
    check_source(str(folder))
    _SPOILERS[told](folder)
    with pytest.raises(InputError, match=f"^model: .*{told}") as refused:
        check_source(str(folder))
    assert "\n" not in str(refused.value)


def test_without_a_network_a_hub_model_needs_more_than_its_configuration_in_the_cache(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        InputError,
        match=r"hub cannot be reached, and of 'team/model' there is no model.safetensors",
    ):
        check_source("team/model")
    monkeypatch.setenv(
        "FLYTE_INTERNAL_EXECUTION_ID", "f1"
    )  # the pods that load it may reach another cache
    check_source("team/model")
