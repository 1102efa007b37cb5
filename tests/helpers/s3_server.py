"""moto as an S3 server in a process of its own: its Flask globals would break vLLM in this one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
