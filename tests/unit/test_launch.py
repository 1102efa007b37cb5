"""Ranks that the train stage starts itself."""

import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.core import lease
from tasks.core.errors import InputError
from tasks.core.owner import started
from tasks.core.types import Run
from tasks.tracking.run import start_run
from tasks.train.job import GrpoJob
from tasks.train.launch import train_on_nodes
from tests.helpers.training import MODEL, ROLLOUT, TRAIN, Pool, copy_pool
from tests.helpers.warm.process import warm_children


def _job(pool: Pool, **config: Any) -> GrpoJob:
    run_id = start_run(pool.root, experiment="launch", run_key="k", params={})
    return GrpoJob(
        run=Run(data_root=pool.root, run_id=run_id, preset="launch"),
        start=pool.start().policy,
        samples=pool.samples,
        clips=pool.clips,
        model=MODEL,
        rollout=ROLLOUT,
        config=replace(TRAIN, **config),
    )


@pytest.mark.slow
def test_two_processes_train_together_and_the_first_one_reports(
    started_root: Path, tmp_path: Path
) -> None:
    pool = copy_pool(started_root, tmp_path / "root")
    job = _job(pool, num_steps=2, processes=2, zero_stage=2)
    before = signal.getsignal(signal.SIGTERM)
    with warm_children():
        trained = train_on_nodes(job)
    assert signal.getsignal(signal.SIGTERM) == before, "the launcher's handler is gone with it"
    assert [row.step for row in pool.steps(trained)] == [0, 1]
    assert trained.report.counts["steps"] == 2


@pytest.mark.slow
def test_training_that_another_job_is_at_is_left_to_it(started_root: Path, tmp_path: Path) -> None:
    job = _job(copy_pool(started_root, tmp_path / "root"), num_steps=2)
    with subprocess.Popen(["sleep", "infinity"]) as other:
        try:
            with lease.working(job.store, job.key):
                [path] = Path(job.run.data_root).glob("leases/outputs/trained/*/000001.json")
                held = json.loads(path.read_text())
            # The same job but for what comes after training, in a process that still runs.
            theirs = {
                "pid": other.pid,
                "started": started(other.pid),
                "name": "process of another job",
            }
            path.write_text(
                json.dumps(held | {"is_released": False, "owner": held["owner"] | theirs})
            )
            with pytest.raises(
                InputError, match=rf"another job makes {job.key} just now: process of another job"
            ):
                train_on_nodes(job)
            assert not job.store.exists(job.key)
        finally:
            other.kill()
    assert train_on_nodes(job).report.counts["reused"] == 0
