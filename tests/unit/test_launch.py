"""Ranks that the train stage starts itself."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.types import Run
from tasks.tracking.run import start_run
from tasks.train.job import GrpoJob
from tasks.train.launch import train_on_nodes
from tests.helpers.training import MODEL, ROLLOUT, TRAIN, copy_pool
from tests.helpers.warm.process import warm_children


@pytest.mark.slow
def test_two_processes_train_together_and_the_first_one_reports(started_root: Path, tmp_path: Path) -> None:
    pool = copy_pool(started_root, tmp_path / "root")
    run_id = start_run(pool.root, experiment="launch", run_key="k", params={})
    job = GrpoJob(
        run=Run(data_root=pool.root, run_id=run_id, preset="launch"),
        start=pool.start().policy,
        samples=pool.samples,
        clips=pool.clips,
        model=MODEL,
        rollout=ROLLOUT,
        config=replace(TRAIN, num_steps=2, processes=2, zero_stage=2),
    )
    before = signal.getsignal(signal.SIGTERM)
    with warm_children():
        trained = train_on_nodes(job)
    assert signal.getsignal(signal.SIGTERM) == before, "the launcher's handler is gone with it"
    assert [row.step for row in pool.steps(trained)] == [0, 1]
    assert trained.report.counts["steps"] == 2
