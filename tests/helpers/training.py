"""A pool of samples, a tiny policy and training runs over them, in this process or in ones that can
be killed."""

import os
import pickle
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from tasks.core.config import (
    ModelConfig,
    PerturbConfig,
    RolloutConfig,
    TrainConfig,
    WarmStartConfig,
)
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.training import StartPolicy, TrainedPolicy, TrainStep
from tasks.core.types import Artifact, Clip, Run, Sample
from tasks.policy.checkpoint import open_policy
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.tracking.tracker import Tracker
from tasks.train.build import train_grpo
from tasks.train.job import GrpoJob
from tasks.train.warm_start import start_policy
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.ports import free_port
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.samples import plan_all
from tests.helpers.warm.process import WarmProcess, start
from tests.helpers.warm.server import PLAIN

MODEL = ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32")
ROLLOUT = RolloutConfig(rollouts_per_prompt=4, max_answer_tokens=8)
WARM_START = WarmStartConfig(num_steps=30, batch_size=8, learning_rate=3e-3)
"""Just enough for rewards to differ."""
TRAIN = TrainConfig(
    num_steps=4,
    prompts_per_step=3,
    learning_rate=1e-3,
    gradient_checkpointing=False,
    zero_stage=1,
    checkpoint_every_steps=2,
    microbatch_tokens=1500,
    prefetch_workers=0,
)


@dataclass(frozen=True)
class Pool:
    """What a run trains on."""

    root: str
    samples: Artifact
    clips: Artifact

    @property
    def store(self) -> Store:
        return Store(self.root)

    def start(
        self, config: WarmStartConfig = WARM_START, tracker: Tracker | None = None
    ) -> StartPolicy:
        return start_policy(
            self.store, self.samples, self.clips, MODEL, config, tracker or MemoryTracker(), seed=0
        )

    def train(
        self,
        start: Artifact,
        config: TrainConfig = TRAIN,
        tracker: Tracker | None = None,
        rollout: RolloutConfig | None = None,
    ) -> TrainedPolicy:
        tracker = tracker or MemoryTracker()
        job = GrpoJob(
            run=Run(data_root=self.root, run_id=tracker.run_id, preset="test"),
            start=start,
            samples=self.samples,
            clips=self.clips,
            model=MODEL,
            rollout=rollout or ROLLOUT,
            config=config,
        )
        return train_grpo(job, tracker)

    def steps(self, trained: TrainedPolicy) -> list[TrainStep]:
        return read_rows(self.store, trained.record.key, TrainStep)

    def weights(self, trained: TrainedPolicy) -> Mapping[str, Tensor]:
        weights: Mapping[str, Tensor] = open_policy(
            self.store, trained.policy, "float32"
        ).model.state_dict()
        return weights


def make_pool(root: Path | str) -> Pool:
    """Two clips and a dozen samples below `root`; made again, they are the same."""
    store = Store(str(root))
    clips = [
        store_clip(store, make_clip(name, num_frames=8), seed=i) for i, name in enumerate("ab")
    ]
    config = PerturbConfig(levels=(0.0,), train_samples_per_clip=(2, 1, 4))
    samples = write_rows(store, "samples.parquet", Sample, plan_all(clips, config))
    return Pool(str(root), samples, write_rows(store, "clips.parquet", Clip, clips))


def copy_pool(root: Path, new: Path) -> Pool:
    """The pool of `root` with all that was made there, in a new folder."""
    shutil.copytree(root, new)
    return make_pool(new)


def numbers(rows: Sequence[TrainStep]) -> list[tuple[float, ...]]:
    """What does not depend on the clock."""
    names = ("train/loss", "train/entropy", "rollout/logprob_gap_max")
    return [
        (
            *(row.reward_mean, row.kl, row.grad_norm),
            *(row.metrics[name] for name in names),
            # Of windows that reach over steps before a run was cut off.
            *row.most_frequent_shares.values(),
            *row.rewards_over_constant.values(),
        )
        for row in rows
    ]


def start_process(
    work: Callable[..., None], *args: Any, family: str = PLAIN, env: Mapping[str, str] | None = None
) -> WarmProcess:
    """Call `work(*args)` in a process of its own, with one thread."""
    call = pickle.dumps((work, args)).hex()
    env = {**os.environ, "PYTHONPATH": str(REPO_ROOT), "OMP_NUM_THREADS": "1", **(env or {})}
    return start(["python", "-c", _CALL, call], cwd=REPO_ROOT, env=env, family=family)


_CALL = """
import pickle, sys
work, args = pickle.loads(bytes.fromhex(sys.argv[1]))
work(*args)
"""


def train_in_process(root: Path, start: Artifact, config: TrainConfig) -> WarmProcess:
    """Start a run over the pool of `root` in a process of its own."""
    return start_process(_train, root, start, config)


def on_two_ranks(
    work: Callable[..., None], *args: Any, exit_code: int = 0, family: str = PLAIN
) -> None:
    """Call `work(*args)` in two processes that find each other as torchrun's do, and wait for both
    to end so."""
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = [
        start_process(
            work, *args, family=family, env={"RANK": str(rank), "LOCAL_RANK": str(rank)} | group
        )
        for rank in range(2)
    ]
    while {rank.poll() for rank in ranks} <= {None, exit_code} and any(
        rank.poll() is None for rank in ranks
    ):
        time.sleep(0.02)
    for rank in ranks:
        rank.kill()  # one that waits for the other, which failed
    assert [rank.returncode for rank in ranks] == [exit_code, exit_code]


def _train(root: Path, start: Artifact, config: TrainConfig) -> None:
    make_pool(root).train(start, config)
