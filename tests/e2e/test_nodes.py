"""Training on several nodes: what is registered, and two containers that find each other as the
operator's do."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from flyteidl.core import literals_pb2
from pydantic import TypeAdapter

from tasks.core.types import Run
from tasks.deployment.profile import DEPLOYMENT_VARIABLE
from tasks.tracking.run import start_run
from tasks.train.job import GrpoJob
from tests.helpers.ports import free_port
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.training import MODEL, ROLLOUT, TRAIN, copy_pool
from tests.helpers.warm import process as warm
from tests.helpers.warm.server import CHILDREN_VARIABLE

pytestmark = pytest.mark.slow


def test_two_nodes_train_as_one_group_and_the_first_one_writes_the_output(
    pyflyte_env: dict[str, str], started_root: Path, tmp_path: Path
) -> None:
    pool = copy_pool(started_root, tmp_path / "root")
    start = pool.start().policy
    run_id = start_run(pool.root, experiment="nodes", run_key="k", params={})
    run = Run(data_root=pool.root, run_id=run_id, preset="nodes")
    job = GrpoJob(
        run=run,
        start=start,
        samples=pool.samples,
        clips=pool.clips,
        model=MODEL,
        rollout=ROLLOUT,
        config=replace(TRAIN, num_steps=2, zero_stage=2),
    )
    (tmp_path / "job.json").write_bytes(TypeAdapter(GrpoJob).dump_json(job))
    (tmp_path / "deployment.json").write_text(
        json.dumps({"stages": {"train": {"nodes": 2, "gpus": 0}}})
    )
    env = {
        **pyflyte_env,
        DEPLOYMENT_VARIABLE: str(tmp_path / "deployment.json"),
        "PYTHONPATH": str(REPO_ROOT),
    }
    made = warm.run(
        ["python", "-m", "tests.helpers.one_task", str(tmp_path)], cwd=REPO_ROOT, env=env
    )
    assert made.returncode == 0, made.stderr[-2000:]
    command = json.loads((tmp_path / "command.json").read_text())
    assert command["type"] == "pytorch"
    assert command["custom"]["workerReplicas"]["replicas"] == 2
    assert command["custom"]["elasticConfig"]["nprocPerNode"] == 1
    _run_as_the_operator_does(command["args"], env, tmp_path)
    written = [node for node in range(2) if (tmp_path / f"out-{node}" / "outputs.pb").exists()]
    assert len(written) == 1, "the other node's outputs are ignored"
    outputs = literals_pb2.LiteralMap.FromString(
        (tmp_path / f"out-{written[0]}" / "outputs.pb").read_bytes()
    )
    assert "o0" in outputs.literals
    trained = pool.train(start, job.config)
    assert trained.report.counts["reused"] == 1.0
    assert [step.step for step in pool.steps(trained)] == [0, 1]


def _run_as_the_operator_does(args: list[str], env: dict[str, str], folder: Path) -> None:
    """Both containers run the registered command; the operator tells them where they meet."""
    rendezvous = {
        "PET_NNODES": "2",
        "PET_RDZV_ENDPOINT": f"127.0.0.1:{free_port()}",
        "PET_NPROC_PER_NODE": "1",
    }
    identity = {"FLYTE_INTERNAL_EXECUTION_ID": "same", "FLYTE_INTERNAL_EXECUTION_PROJECT": "p"}
    everything = {
        **os.environ,
        **env,
        **rendezvous,
        **identity,
        CHILDREN_VARIABLE: str(warm.commands() / "python"),
    }
    nodes = []
    for node in range(2):
        values = {
            "{{.input}}": str(folder / "inputs.pb"),
            "{{.outputPrefix}}": str(folder / f"out-{node}"),
            "{{.rawOutputDataPrefix}}": str(folder / "raw"),
            "{{.checkpointOutputPrefix}}": str(folder / f"checkpoint-{node}"),
            "{{.prevCheckpointPrefix}}": "",
        }
        line = [values.get(arg, arg) for arg in args]
        nodes.append(warm.start(line, cwd=REPO_ROOT, env=everything))
    try:
        while {node.poll() for node in nodes} <= {None, 0} and any(
            node.poll() is None for node in nodes
        ):
            time.sleep(0.05)
    finally:
        for node in nodes:
            node.kill()
    assert [node.returncode for node in nodes] == [0, 0]
