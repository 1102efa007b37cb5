"""The promote stage over what a made-up run left, in memory."""

import json

from tasks.core.config import PromoteConfig, RetrainConfig
from tasks.core.records import Promotion
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.promote.evidence import Inputs
from tasks.promote.promote import promote_challenger
from tasks.tracking.memory_tracker import MemoryTracker
from tests.helpers.memory_registry import MemoryRegistry

CONFIG = RetrainConfig(seed=5, promote=PromoteConfig(must_see=False))
"""Nothing is controlled, as most tests are about other rules."""


class Outcome:
    """A promoted run in memory, and what it left."""

    def __init__(
        self,
        data_root: str,
        inputs: Inputs,
        registry: MemoryRegistry,
        run_id: str = "r1",
        config: RetrainConfig = CONFIG,
    ) -> None:
        self.data_root, self.inputs, self.registry = data_root, inputs, registry
        self.store, self.tracker = Store(data_root), MemoryTracker()
        run = Run(data_root=data_root, run_id=run_id, preset="demo", seed=5)
        done = promote_challenger(self.store, run, config, inputs, registry, self.tracker)
        self.promotion: Promotion = done[0]
        self.table: str = done[1]
        self.summary = json.loads(self.store.read_bytes("summary.json"))
        self.report = self.store.read_bytes(self.promotion.report_key).decode()
