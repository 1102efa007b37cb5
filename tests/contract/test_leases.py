"""Of several who want to work on the same thing one does, on files and in an object store."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core import lease
from tasks.core.errors import InputError
from tasks.core.lease import HeldError, Lease, Owner
from tasks.core.store import Store
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.s3_server import s3_files

pytestmark = pytest.mark.slow

_TAKE = """
import sys
from tasks.core import lease
from tasks.core.store import Store
store = Store(sys.argv[1])
sys.stdin.readline()
try:
    lease.take(store, "job")
    print("got it", flush=True)
    sys.stdin.readline()
except lease.HeldError as error:
    print("refused:", error, flush=True)
"""
_CREATE = """
import sys
from tasks.core.store import Store
store = Store(sys.argv[1])
sys.stdin.readline()
print(store.create("once/blob", sys.argv[2].encode()), flush=True)
"""

_MAKE = """
import sys
from tasks.core import lease
from tasks.core.reuse import once
from tasks.core.store import Store
from tasks.core.types import Artifact

def make():
    print("makes it", flush=True)
    sys.stdin.readline()
    return Artifact("", sys.argv[2])

sys.stdin.readline()
try:
    made = once(Store(sys.argv[1]), "trained/abc", Artifact, make)
    print("has", made.output.digest, made.reused, flush=True)
except lease.HeldError as error:
    print("refused:", error, flush=True)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_files("leases"):
        yield "s3://leases"


@pytest.fixture(params=["files", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "files":
        return str(tmp_path / "root")
    return f"{request.getfixturevalue('s3')}/{request.node.name}"


@pytest.fixture
def store(root: str) -> Store:
    return Store(root)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that waits for `_go`; all are killed at the end."""
    with ExitStack() as stack:

        def start(program: str, *args: str) -> "subprocess.Popen[str]":
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, *args],
                    cwd=REPO_ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def _go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_blob_is_created_by_one_of_several(root: str, store: Store, start: Start) -> None:
    writers = [start(_CREATE, root, f"writer {number}") for number in range(5)]
    for writer in writers:
        _go(writer)
    said = [_line(writer) for writer in writers]
    assert sorted(said) == ["False"] * 4 + ["True"]
    assert store.read_bytes("once/blob") == f"writer {said.index('True')}".encode()


def test_one_process_gets_the_lease_and_the_others_are_told_who_has_it(
    root: str, store: Store, start: Start
) -> None:
    takers = [start(_TAKE, root) for _ in range(5)]
    for taker in takers:
        _go(taker)
    said = [_line(taker) for taker in takers]
    [winner] = [taker for taker, line in zip(takers, said, strict=True) if line == "got it"]
    refused = [line for line in said if line != "got it"]
    assert len(refused) == 4
    assert all(f"process {winner.pid} on" in line for line in refused)
    winner.kill()
    winner.wait()
    mine = lease.take(store, "job")  # its owner is dead
    assert mine.owner == lease.this_owner()


def test_work_that_two_jobs_share_is_made_by_one(root: str, store: Store, start: Start) -> None:
    first, second = (start(_MAKE, root, name) for name in ("first", "second"))
    _go(first)
    assert _line(first) == "makes it"
    _go(second)
    refused = _line(second)
    assert refused.startswith(
        f"refused: another job makes trained/abc just now: process {first.pid} on"
    )
    _go(first)
    assert _line(first) == "has first False"
    third = start(_MAKE, root, "third")
    _go(third)
    assert _line(third) == "has first True"
    with lease.working(store, "trained/abc"):  # nobody is at it any more
        pass
    assert lease.find_all(store) == {}, "it is no job"


def test_the_owner_gets_it_again_and_gives_it_back_once(store: Store) -> None:
    first = lease.take(store, "job")
    assert lease.take(store, "job") == first
    lease.release(store, "job")
    found = lease.find(store, "job")
    assert found is not None
    assert found.is_released
    assert lease.take(store, "job").since >= first.since
    assert lease.find_other(store, "job") is None


def _stranger(store: Store, *, silent_seconds: float, machine: str = "elsewhere") -> Lease:
    """A lease of an owner whose process cannot be looked at."""
    beat = (datetime.now(UTC) - timedelta(seconds=silent_seconds)).isoformat(timespec="seconds")
    owner = Owner(name="process 7 on elsewhere", machine=machine, pid=7, started="1")
    held = Lease(owner=owner, since=beat, beat=beat, run_id="run-7")
    assert store.create("leases/job/000001.json", lease._json(held))
    return held


def test_an_owner_elsewhere_counts_as_long_as_it_is_heard_of(store: Store) -> None:
    held = _stranger(store, silent_seconds=lease.SILENCE_SECONDS / 2)
    assert lease.find_other(store, "job") == held
    with pytest.raises(
        HeldError,
        match=r"process 7 on elsewhere, since .* MLflow run run-7.* 10 minutes after it was",
    ):
        lease.take(store, "job")
    assert lease.find(store, "job") == held, "a refused one changes nothing"


def test_a_silent_owner_is_taken_over_and_can_do_nothing_more(store: Store) -> None:
    held = _stranger(store, silent_seconds=lease.SILENCE_SECONDS * 2)
    mine = lease.take(store, "job")
    lease.update(store, "job", replace(held, run_id="late"))
    assert lease.find(store, "job") == mine


def test_a_stage_is_refused_after_its_job_was_taken_over(store: Store) -> None:
    _stranger(store, silent_seconds=0)
    with pytest.raises(HeldError), lease.held(store, "job"):
        pytest.fail("must not start")


def test_an_owner_shows_that_it_lives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
    old = replace(lease.take(store, "job"), beat="2000-01-01T00:00:00+00:00")
    lease.update(store, "job", old)
    with lease.held(store, "job"):
        while (found := lease.find(store, "job")) is None or found.beat == old.beat:
            pass
    assert found.owner == old.owner


def test_all_pods_of_an_execution_are_one_owner(
    root: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ID": "f1", "PROJECT": "p", "DOMAIN": "d"}.items():
        monkeypatch.setenv(f"FLYTE_INTERNAL_EXECUTION_{name}", value)
    lease._owner.cache_clear()
    try:
        taken = lease.take(Store(root), "job")
        pod = start(_TAKE, root)
        _go(pod)
        assert _line(pod) == "got it"
        monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "f2")
        other = start(_TAKE, root)
        _go(other)
        assert "Flyte execution f1" in _line(other)
    finally:
        lease._owner.cache_clear()
    assert taken.owner.name == "Flyte execution f1"


@pytest.mark.parametrize("content", [b"{", b"", b"\0" * 400, b"beat", None])
def test_a_damaged_lease_is_one_line_that_names_the_file(
    tmp_path: Path, content: bytes | None
) -> None:
    store = Store(str(tmp_path))
    taken = _stranger(store, silent_seconds=0)
    path = tmp_path / "leases/job/000001.json"
    path.unlink()
    if content is None:  # a folder in its place
        path.mkdir()
    else:
        path.write_bytes(
            lease._json(replace(taken, beat="no moment")) if content == b"beat" else content
        )
    for look in (lambda: lease.take(store, "job"), lambda: lease.find_all(store)):
        with pytest.raises(InputError, match=r"leases/job/000001\.json is damaged; delete it"):
            look()


@pytest.mark.parametrize(
    "name", [".DS_Store", "job/.nfs00000000001", "job/._000001.json", "job/000002 (copy).json"]
)
def test_what_others_leave_beside_leases_is_none(tmp_path: Path, name: str) -> None:
    store = Store(str(tmp_path))
    mine = lease.take(store, "job")
    (tmp_path / "leases" / name).write_bytes(b"theirs")
    assert lease.find_all(store) == {"job": mine}
    assert lease.take(store, "job") == mine
