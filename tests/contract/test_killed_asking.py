"""Every job that asks a model survives SIGKILL at any moment: it leaves what an undisturbed one
leaves, and asks no question twice but those of the batch that was under way.
"""

import random
import time
from pathlib import Path

import pytest

from tests.helpers.asking import ADDRESS, BATCH, JOBS, prepare
from tests.helpers.chat_server import ChatServer, chat_server
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.warm import process as warm
from tests.helpers.warm.process import WarmProcess

pytestmark = pytest.mark.slow
_NUM_KILLS = 2
_MOST_BATCHES = 2
_MOST_SECONDS = 0.03
"""From one start to its kill: of some 16 batches so few are answered that all kills fall before the
end."""


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def _num_batches(root: Path) -> int:
    return len(
        [path for path in root.glob("answers/*/*/*.parquet") if path.parent.name != "shards"]
    )


def _start(job: str, root: Path, env: dict[str, str]) -> WarmProcess:
    return warm.start(
        ["python", "-m", "tests.helpers.asking", job, str(root)], cwd=REPO_ROOT, env=env
    )


def _kill_at_random(process: WarmProcess, root: Path, rng: random.Random) -> None:
    """Some batches later, at any point of the next one."""
    wanted = _num_batches(root) + rng.randint(1, _MOST_BATCHES)
    while process.poll() is None and _num_batches(root) < wanted:
        time.sleep(0.002)
    time.sleep(rng.random() * _MOST_SECONDS)
    assert process.poll() is None, "it ended before it was killed"
    process.kill()


@pytest.mark.parametrize("job", JOBS)
def test_a_job_killed_at_random_moments_leaves_what_an_undisturbed_one_leaves(
    job: str, tmp_path: Path, pyflyte_env: dict[str, str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for root in (whole, killed):
        prepare(root)
    with chat_server() as server:
        env = pyflyte_env | {ADDRESS: server.address}
        assert _start(job, whole, env).wait() == 0
        num_questions = sum(server.answered.values())
        rng = random.Random(job)
        for _ in range(_NUM_KILLS):
            _kill_at_random(_start(job, killed, env), killed, rng)
        before = _num_batches(killed)
        assert _start(job, killed, env).wait() == 0
    assert 0 < before < _num_batches(killed), (
        "it was killed after the first batch, and before the last"
    )
    assert _files(killed) == _files(whole)
    if "server" in job:
        _check_requests(server, num_questions)


def _check_requests(server: ChatServer, num_questions: int) -> None:
    assert num_questions == len(server.answered) == 32
    num_again = sum(server.answered.values()) - 2 * num_questions
    assert 0 <= num_again <= _NUM_KILLS * BATCH
