"""Fixtures of the whole suite."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.helpers.honest_marks import HonestMarks
from tests.helpers.made_once import made_once
from tests.helpers.pyflyte import isolated_env
from tests.helpers.warm import process as warm
from tests.helpers.watchdog import Watchdog

if TYPE_CHECKING:
    from tests.helpers.told_flyte import ToldFlyte

# Wall time says nothing on a shared machine; the same examples every time keep `make test`
# repeatable.
settings.register_profile("videossr", deadline=None, derandomize=True, database=None)
settings.load_profile("videossr")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # as `isolated_env` says
    warm.set_up()
    config.pluginmanager.register(Watchdog(config, warm.session_owner()))
    config.pluginmanager.register(HonestMarks())


def pytest_unconfigure() -> None:
    warm.tear_down()


@pytest.fixture
def data_root(tmp_path: Path) -> str:
    """An empty data root."""
    folder = tmp_path / "data_root"
    folder.mkdir()
    return str(folder)


@pytest.fixture(scope="session")
def started_root() -> Path:
    """Root of a pool (`tests.helpers.training`) whose start policy is made: to be copied, not
    written to."""
    return made_once("pool", _start)


def _start(folder: Path) -> None:
    from tests.helpers.mlflow_database import put_empty_database
    from tests.helpers.training import make_pool

    make_pool(folder).start()
    put_empty_database(folder / "mlflow.db")


@pytest.fixture
def pyflyte_env(tmp_path: Path) -> dict[str, str]:
    """Environment for `run_pyflyte`: home and temporary folder below `tmp_path`."""
    return isolated_env(tmp_path)


@pytest.fixture
def told() -> "Iterator[ToldFlyte]":
    """A Flyte that knows what a test tells it, named by the environment."""
    from tests.helpers.told_flyte import (
        told_flyte,
    )  # grpc and flytekit, which quick tests do without

    with told_flyte() as flyte:
        yield flyte
