"""moto as an S3 server in a process of its own: its Flask globals would break vLLM in this one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from tests.helpers.ports import answers, free_port
from tests.helpers.warm import process as warm


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address, on a free port."""
    port = free_port()
    command = ["python", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = warm.start(command, cwd=Path("/"), env=os.environ, family="web")
    address = f"http://127.0.0.1:{port}"
    try:
        while not answers(f"{address}/moto-api/"):
            assert process.poll() is None, "the server ended"
            time.sleep(0.02)
        yield address
    finally:
        process.kill()


@contextmanager
def s3_files(bucket: str) -> Iterator[fsspec.AbstractFileSystem]:
    """The file system of a server of one's own with an empty bucket; this process and those that it
    starts find the server by their environment."""
    with s3_server() as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        # fsspec keeps one for the process, with the environment that it was made in.
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        files = fsspec.filesystem("s3")
        files.mkdir(bucket)
        yield files
        fsspec.get_filesystem_class("s3").clear_instance_cache()
