"""One policy on one benchmark: guesses or a model's greedy answers, then what is kept and what is printed."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import StringIO
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.scores import SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.evaluate.answerer import RandomAnswerer
from tasks.evaluate.chance import Chance, chance_by_type, chance_overall
from tasks.evaluate.outputs import Benchmark, BenchmarkScores
from tasks.evaluate.run import score_samples
from tasks.evaluate.scoring import aggregate_viubench
from tasks.policy.checkpoint import Policy
from tasks.policy.named import open_named
from tasks.rollout.answerer import ModelAnswerer
from tasks.rollout.setup import make_collector

RANDOM = "random"
"""The policy that draws uniformly from the valid answers."""
ALL_TYPES = "mean of types"
_GUESSES_PER_BATCH = 100
_WIDTH = 120


@dataclass(frozen=True, kw_only=True)
class TypeResult:
    """One policy on one type, or on all."""

    mean: float
    se: float | None
    """Standard error over items; None for a single item."""
    num_items: int
    parsed_share: float
    """Share of the answers in the asked format; the others score 0."""
    num_failed: int
    """Items that could not be shown; they score 0."""
    chance: Chance


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """What `scores.json` holds."""

    benchmark: str
    policy: str
    seed: int
    by_type: dict[str, TypeResult]
    """`ALL_TYPES` first, then the types in their order."""

    def metrics(self) -> dict[str, float]:
        """For the tracker; a standard error that is not known is left out."""
        found: dict[str, float] = {}
        for name, part in self.by_type.items():
            label = name.replace(" ", "_")
            found |= {f"viubench/{label}": part.mean, f"viubench_chance/{label}": part.chance.mean}
            found |= {} if part.se is None else {f"viubench_se/{label}": part.se}
        return found


def run_benchmark(
    store: Store,
    benchmark: Benchmark,
    policy: str,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: EvaluateConfig,
    seed: int,
) -> tuple[BenchmarkResult, BenchmarkScores]:
    """Score `policy` (`random`, `tiny`, a folder or a hub name) and keep the scores and every answer."""
    items, clips = read_rows(store, benchmark.items.key, Sample), read_clips(store, benchmark.clips)
    if policy == RANDOM:
        guesser = RandomAnswerer(clips, num_answers=1, seed=seed)
        rows = score_samples(guesser, items, _GUESSES_PER_BATCH, policy)
    else:
        opened = open_named(policy, model, (item.question for item in items), seed)
        rows = _score_model(store, opened, items, clips, rollout, seed)
    result = summarize(rows, items, clips, config, benchmark=benchmark.key, policy=policy, seed=seed)
    key = f"evaluated/{benchmark.key.rsplit('/', 1)[-1]}/{digest_of(policy, model, rollout, config, seed)}"
    predictions = write_rows(store, f"{key}/predictions.parquet", SampleScore, rows)
    text = json.dumps(asdict(result) | {"predictions": asdict(predictions)}, indent=1)
    store.write_bytes(f"{key}/scores.json", text.encode())
    return result, BenchmarkScores(
        scores=Artifact(key=f"{key}/scores.json", digest=digest_of(result)), predictions=predictions
    )


def summarize(
    rows: list[SampleScore],
    items: list[Sample],
    clips: Mapping[str, Clip],
    config: EvaluateConfig,
    *,
    benchmark: str,
    policy: str,
    seed: int,
) -> BenchmarkResult:
    """Scores by type beside what guessing is worth."""
    overall, by_type = aggregate_viubench(rows, config.bootstrap_resamples, seed)
    chances = chance_by_type(items, clips)
    parts = {ALL_TYPES: (overall, rows, chance_overall(chances))}
    for name in (name for name in VIUBENCH_TYPES if name in by_type):
        parts[name] = (by_type[name], [row for row in rows if row.viubench_type == name], chances[name])
    results = {
        name: TypeResult(
            mean=found.mean,
            se=found.se if math.isfinite(found.se) else None,
            num_items=found.num_items,
            parsed_share=fmean(row.parsed_share for row in members),
            num_failed=sum(row.num_rollouts == 0 for row in members),
            chance=chance,
        )
        for name, (found, members, chance) in parts.items()
    }
    return BenchmarkResult(benchmark=benchmark, policy=policy, seed=seed, by_type=results)


def result_table(result: BenchmarkResult) -> str:
    """The scores as plain text for the terminal."""
    title = f"{result.benchmark}, policy {result.policy} (score ± standard error)"
    table = Table("", box=SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("score", "chance", "best constant", "in format", "failed", "items"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, part in result.by_type.items():
        se = "?" if part.se is None else f"{part.se:.4f}"
        chance = f"{part.chance.mean:.4f} ± {part.chance.se:.4f}"
        cells = (f"{part.mean:.4f} ± {se}", chance, f"{part.chance.best_constant:.4f}")
        table.add_row(name, *cells, f"{part.parsed_share:.0%}", str(part.num_failed), str(part.num_items))
    out = StringIO()
    Console(file=out, width=_WIDTH, color_system=None, markup=False, emoji=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _score_model(
    store: Store, policy: Policy, items: list[Sample], clips: dict[str, Clip], rollout: RolloutConfig, seed: int
) -> list[SampleScore]:
    collector = make_collector(policy, rollout, store, clips, seed).sampling(num_completions=1, temperature=0.0)
    answerer = ModelAnswerer(collector, ("evaluate", Split.VIUBENCH))
    try:
        return score_samples(answerer, items, rollout.prompts_per_batch, Split.VIUBENCH)
    finally:
        collector.engine.close()
