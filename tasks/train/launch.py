"""The processes that train together, started by torch's launcher (or Flyte's, on several nodes)."""

import os
import uuid
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tasks.core import lease
from tasks.core.errors import InputError, Interrupted
from tasks.core.training import TrainedPolicy
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.tracking.run import open_tracker, stage
from tasks.tracking.tracker import Tracker
from tasks.train.build import train_grpo
from tasks.train.job import GrpoJob
from tasks.train.stop import handlers_kept


def train_on_nodes(job: GrpoJob) -> TrainedPolicy:
    """GRPO on all the processes that the configuration asks for, under a lease.

    Where a launcher started this process already (`RANK` is set), it takes part in that group
    instead.

    Raises:
        InputError, Interrupted: as in one process; HeldError: another job is at the same training.
    """
    if int(os.environ.get("RANK", "0")) > 0:
        return _take_part(job, MemoryTracker(run_id=job.run.run_id))
    with stage(job.run, "train") as tracker, lease.working(job.store, job.key):
        return (
            _take_part(job, tracker) if "RANK" in os.environ else _train_on_this_node(job, tracker)
        )


def _train_on_this_node(job: GrpoJob, tracker: Tracker) -> TrainedPolicy:
    num_processes = job.config.processes or torch.cuda.device_count() or 1
    if num_processes == 1:
        return train_grpo(job, tracker)
    launch = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        # A free port, so that two trainings on one machine do not meet.
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        # CUDA does not work in a forked process once the parent has used it.
        start_method="spawn",
    )
    try:
        with handlers_kept():  # the launcher leaves its own behind
            outcomes = elastic_launch(launch, _be_rank)(job)
    except SignalException as signalled:
        # The launcher passed the signal on and waited, so the ranks have written their checkpoint.
        raise Interrupted(
            signalled.sigval, f"stopped by {signalled.sigval.name}; the same command goes on"
        ) from None
    outcome = outcomes[0]
    if isinstance(outcome, _InputProblem):
        raise InputError(outcome.message)
    assert isinstance(outcome, TrainedPolicy)
    return outcome


@dataclass(frozen=True)
class _InputProblem:
    """An InputError on its way to the process that started the ranks."""

    message: str


def _be_rank(job: GrpoJob) -> Any:
    """In a process that `_train_on_this_node` started; the run in the tracker is open there."""
    try:
        is_first = os.environ["RANK"] == "0"
        return _take_part(
            job, open_tracker(job.run) if is_first else MemoryTracker(run_id=job.run.run_id)
        )
    except InputError as error:
        return _InputProblem(error.message)


def _take_part(job: GrpoJob, tracker: Tracker) -> TrainedPolicy:
    """Train as one rank of a group, with its share of the node's devices."""
    # Or a terminal's Ctrl-C comes twice, once through the launcher, and cuts off the checkpoint.
    os.setpgrp()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    else:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["LOCAL_WORLD_SIZE"])))
    return train_grpo(job, tracker)
