import hashlib
from dataclasses import replace
from pathlib import Path

from tasks.core.config import RetrainConfig, TrainConfig
from tasks.core.digest import digest_of, digest_of_folder, sha256_of_file


def test_equal_configurations_have_equal_digests() -> None:
    assert digest_of("train", RetrainConfig()) == digest_of("train", RetrainConfig())


def test_every_part_changes_the_digest() -> None:
    config = RetrainConfig()
    changed = replace(config, train=TrainConfig(num_steps=1))
    digests = {
        digest_of("train", config),
        digest_of("train", changed),
        digest_of("evaluate", config),
        digest_of(config),
    }
    assert len(digests) == 4


def test_order_of_keys_does_not_matter() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_digest_is_the_same_in_every_process() -> None:
    assert digest_of("ingest", 1, [0.5]) == "3b155ad487848df9"


def test_folder_digest_sees_names_and_bytes(tmp_path: Path) -> None:
    digests = set()
    for folder, name, content in [
        ("a", "x", "1"),
        ("b", "y", "1"),
        ("c", "x", "2"),
        ("d", "sub/x", "1"),
    ]:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
        digests.add(digest_of_folder(tmp_path / folder))
    assert len(digests) == 4


def test_folder_digest_does_not_see_where_the_folder_lies(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text("1")
    assert digest_of_folder(tmp_path / "a") == digest_of_folder(tmp_path / "b")


def test_file_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    assert sha256_of_file(tmp_path / "x") == hashlib.sha256(b"content").hexdigest()
