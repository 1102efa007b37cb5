"""The text of a command in `commands()`: has the process started elsewhere, and ends as it ends."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

HERE, BIN = Path(__file__), Path(sys.executable).parent


def python_args(args: list[str]) -> list[str]:
    """Without the options that come before what is to be run (`-B`, `-W...`): the server has its
    own."""
    first = next(i for i, arg in enumerate(args) if not arg.startswith("-") or arg in ("-c", "-m"))
    return args[first:]


def open_files() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:  # the listing's own
            continue
        found.append(int(name))
    return sorted(found)


numbers = open_files()
args = python_args(sys.argv[1:]) if HERE.name == "python" else [str(BIN / HERE.name), *sys.argv[1:]]
job = {"args": args, "cwd": os.getcwd(), "env": dict(os.environ), "numbers": numbers}
body = json.dumps(job).encode()
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(str(HERE.parent.with_name(os.environ.get("WARM_FAMILY", "plain"))))
    socket.send_fds(connection, [len(body).to_bytes(4, "little")], numbers)
    connection.sendall(body)
    said = connection.makefile("rb")
    pid = json.loads(said.readline())["pid"]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: os.killpg(pid, caught))
    line = said.readline()
code = json.loads(line)["code"] if line else 1
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
