"""Fixtures of the whole suite."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.helpers.pyflyte import isolated_env

# Wall time says nothing on a shared machine; the same examples every time keep `make test` repeatable.
settings.register_profile("videossr", deadline=None, derandomize=True, database=None)
settings.load_profile("videossr")


@pytest.fixture
def data_root(tmp_path: Path) -> str:
    """An empty data root."""
    folder = tmp_path / "data_root"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def pyflyte_env(tmp_path: Path, pytestconfig: pytest.Config) -> dict[str, str]:
    """Environment for `run_pyflyte`: home and temporary folder below `tmp_path`."""
    cache = getattr(pytestconfig, "cache", None)  # absent with -p no:cacheprovider
    torch_extensions = Path(cache.mkdir("torch_extensions")) if cache else tmp_path / "torch_extensions"
    return isolated_env(tmp_path, torch_extensions)
