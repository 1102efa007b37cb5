"""moto as an S3 server in a process of its own: its Flask globals would break vLLM in this one."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.helpers.ports import free_port


@contextmanager
def s3_server(timeout_seconds: float = 60.0) -> Iterator[str]:
    """Its address, on a free port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ), start_new_session=True,
    )  # fmt: skip
    address, ends = f"http://127.0.0.1:{port}", time.monotonic() + timeout_seconds
    try:
        while not _answers(address):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < ends, "the server did not come up in time"
            time.sleep(0.1)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/moto-api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
