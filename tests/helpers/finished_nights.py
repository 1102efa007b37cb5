"""Runs that ended, one after the other: each with a better challenger, the champion of the one
before and a benchmark."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.core.config import PromoteConfig, RetrainConfig
from tasks.core.manifest import read_rows
from tasks.core.records import Promotion
from tasks.core.score_config import BenchmarkConfig, EvaluateConfig
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION
from tasks.core.store import Store
from tasks.core.types import Anchor, Run, Sample
from tasks.promote.promote import promote_challenger
from tasks.tracking.tracker import ModelRegistry, Tracker
from tests.helpers.finished_run import make_inputs, make_scores
from tests.helpers.version_scores import benchmark_score

NUM_VIDEOS = 11
CONFIG = RetrainConfig(
    evaluate=EvaluateConfig(benchmarks={"mme": BenchmarkConfig("/data/mme")}, anchor="mme"),
    promote=PromoteConfig(must_see=False),
)


def run_nights(
    runs: Sequence[Run],
    registry: ModelRegistry,
    trackers: Sequence[Tracker],
    config: RetrainConfig = CONFIG,
) -> list[Promotion]:
    """Each on the data root of its run. Of six questions on the anchor the first challenger answers
    two, the second three."""
    return [
        _night(number, run, registry, tracker, config)
        for number, (run, tracker) in enumerate(zip(runs, trackers, strict=True), 1)
    ]


def _night(
    number: int, run: Run, registry: ModelRegistry, tracker: Tracker, config: RetrainConfig
) -> Promotion:
    store = Store(run.data_root)
    inputs = make_inputs(store, num_videos=NUM_VIDEOS)
    samples = read_rows(store, inputs.samples, Sample)
    right = {
        BASE: [0, 0, 0, 0, 0, 1],
        BEFORE: [0, 0, 0, 0, 0, 1],
        "night 1": [0, 0, 0, 0, 1, 1],
        "night 2": [1, 1, 0, 0, 1, 0],
    }
    asked = {BEFORE: BEFORE, AFTER: f"night {number}"}
    asked |= {CHAMPION: f"night {number - 1}"} if number > 1 else {}
    scores = [
        replace(
            make_scores(store, model, samples, 0.3 + 0.1 * place, NUM_VIDEOS),
            name=name,
            benchmarks={"mme": benchmark_score(store, model, right[model])},
        )
        for name, model in asked.items()
        for place in [0 if name == BEFORE else int(model[-1])]
    ]
    given = replace(
        inputs,
        scores=scores,
        base={"mme": benchmark_score(store, BASE, right[BASE])},
        anchor=Anchor("mme", seed=0),
    )
    return promote_challenger(store, run, config, given, registry, tracker)[0]
