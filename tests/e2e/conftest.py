"""Fixtures of the tests that need a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.cluster import Cluster
from tests.helpers.s3_server import s3_server


@pytest.fixture
def cluster(tmp_path: Path, pyflyte_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with s3_server() as endpoint:
        found = Cluster(tmp_path, pyflyte_env, endpoint)
        yield found
        found.stop()
