"""Fixtures of the unit tests; a file that needs others has its own under the same name."""

from pathlib import Path

import pytest

from tasks.core.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A data root that is still empty."""
    return Store(str(tmp_path / "root"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For videos, with a folder `deep` in it."""
    (tmp_path / "videos" / "deep").mkdir(parents=True)
    return tmp_path / "videos"
