"""Workers that crash, hang or eat memory: real ones."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.video.isolation import Limits, isolated, run_isolated
from tasks.video.worker import Failure
from tests.helpers.pyflyte import REPO_ROOT

pytestmark = pytest.mark.slow

LIMITS = Limits(num_workers=2, seconds=30.0, memory_mib=512)


def misbehave(how: str) -> str:
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if how == "eat":
        return str(len(bytearray(2**30)))
    if how == "fail":
        raise ValueError("a bug")
    return how


def crash_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def be_killed(how: int) -> str:
    os.kill(os.getpid(), how)
    time.sleep(60)
    return "survived"


def environment(_: int) -> dict[str, str]:
    said = dict(
        line.split("=", 1) for line in Path("/proc/self/environ").read_text().split("\0") if line
    )
    return {**said, **os.environ}


def loaded_modules(_: int) -> list[str]:
    return sorted(sys.modules)


def test_a_crash_costs_only_the_input_that_caused_it() -> None:
    outcomes = dict(run_isolated(misbehave, ["a", "crash", "b", "c"], LIMITS))
    assert [outcomes[index].result for index in range(4)] == ["a", None, "b", "c"]
    assert outcomes[1].failure is Failure.CRASHED
    assert "SIGSEGV" in outcomes[1].detail


def test_a_worker_that_dies_by_chance_gets_its_input_again(tmp_path: Path) -> None:
    (outcome,) = dict(run_isolated(crash_once, [str(tmp_path / "marker")], LIMITS)).values()
    assert outcome.result == "done"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_from_outside_is_told_from_a_crash(how: signal.Signals) -> None:
    ((_, outcome),) = run_isolated(be_killed, [how.value], LIMITS)
    assert outcome.failure is Failure.INTERRUPTED
    assert how.name in outcome.detail


@pytest.mark.parametrize(
    "how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL]
)
def test_a_signal_of_its_own_making_is_a_crash(how: signal.Signals) -> None:
    ((_, outcome),) = run_isolated(be_killed, [how.value], LIMITS)
    assert outcome.failure is Failure.CRASHED
    assert how.name in outcome.detail


def test_a_worker_knows_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_TRACKING_PASSWORD",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "FSSPEC_S3_KEY",
    )
    for name in (*secrets, "HTTPS_PROXY", "SOME_TOKEN"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ((_, outcome),) = run_isolated(environment, [0], LIMITS)
    assert outcome.result is not None
    assert "secret" not in outcome.result.values()
    assert outcome.result["OMP_NUM_THREADS"] == "1"
    with isolated(environment, LIMITS, has_credentials=True) as run:
        assert (run(0).result or {})["SOME_TOKEN"] == "secret"


def test_a_hang_ends_after_its_time_even_if_it_will_not_listen() -> None:
    limits = Limits(num_workers=2, seconds=1.0, memory_mib=512)
    start = time.monotonic()
    outcomes = dict(run_isolated(misbehave, ["a", "hang", "b"], limits))
    assert outcomes[1].failure is Failure.TOO_SLOW
    assert [outcomes[0].result, outcomes[2].result] == ["a", "b"]
    assert time.monotonic() - start < 30


def test_memory_beyond_the_limit_is_refused() -> None:
    outcomes = dict(run_isolated(misbehave, ["eat", "a"], LIMITS))
    assert outcomes[0].failure is Failure.TOO_MUCH_MEMORY
    assert outcomes[1].result == "a"


def test_an_error_of_our_own_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="a bug"):
        list(run_isolated(misbehave, ["a", "fail"], LIMITS))


def test_a_worker_that_cannot_start_is_no_fault_of_the_input() -> None:
    with pytest.raises(RuntimeError, match="while it started"):
        list(run_isolated(misbehave, ["a"], Limits(num_workers=1, seconds=30.0, memory_mib=1)))


def test_a_worker_loads_nothing_that_it_does_not_need() -> None:
    program = (
        "from tests.unit.test_isolation import LIMITS, loaded_modules\n"
        "from tasks.video.isolation import run_isolated\n"
        "import tasks.ingest.verdicts, json, torch, flytekit\n"
        "if __name__ != '__main__': raise SystemExit('a worker ran the main file')\n"
        "print(*dict(run_isolated(loaded_modules, [0], LIMITS))[0].result)\n"
    )
    # From standard input there is no main file that a worker could run.
    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "tasks.video.isolation" in done.stdout.split()
    assert not {"torch", "flytekit"} & set(done.stdout.split())


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_run(tmp_path: Path, ending: signal.Signals) -> None:
    program = (
        "import signal\n"
        # A shell lets what it runs in the background ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tests.unit.test_isolation import wait_beside_marker\n"
        "from tasks.video.isolation import Limits, run_isolated\n"
        f"list(run_isolated(wait_beside_marker, [{str(tmp_path)!r}] * 2, "
        "Limits(num_workers=2, seconds=60.0, memory_mib=512)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPO_ROOT, stderr=subprocess.DEVNULL
    )
    assert until(lambda: len(list(tmp_path.iterdir())) == 2)
    process.send_signal(ending)
    process.wait(30)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert until(lambda: not any(is_alive(worker) for worker in workers))


def wait_beside_marker(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def until(condition, seconds: float = 20.0) -> bool:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
