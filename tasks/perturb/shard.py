"""Plans clips through the store: what was planned before is read back, so a new video costs one
plan."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tasks.core.config import PerturbConfig
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.records import PlannedShard
from tasks.core.reuse import work_key
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample, Split
from tasks.perturb.difficulty import wanted_num_clips
from tasks.perturb.donors import Donor, Donors
from tasks.perturb.plan import Odds, plan_clip, samples_per_pretext
from tasks.perturb.pretext import PRETEXTS
from tasks.perturb.viubench import missing_by_type, plan_viubench

logger = logging.getLogger(__name__)


def plan_clips(
    store: Store,
    clips: Sequence[Clip],
    config: PerturbConfig,
    seed: int,
    donors: Donors,
    odds: Odds = MappingProxyType({}),
) -> tuple[list[Sample], Counter[str]]:
    """The samples of `clips` in their order, and counts of what was new, reused and left out.

    `donors` are those of all clips (`tasks.perturb.donors.ring_donors`), not of this shard alone;
    `odds` are those of the difficulty plan.
    """
    samples: list[Sample] = []
    counts: Counter[str] = Counter(new_clips=0, reused_clips=0)
    for clip in clips:
        lent = donors[clip.clip_id]
        key = _plan_key(clip, config, seed, lent, odds)
        if store.exists(key):
            planned = read_rows(store, key, Sample)
            counts["reused_clips"] += 1
        else:
            planned = plan_clip(clip, config, seed, lent, odds)
            write_rows(store, key, Sample, planned)
            counts["new_clips"] += 1
        counts["unplannable"] += sum(samples_per_pretext(clip, config)) - len(planned)
        samples += planned
    return samples, counts


def merge_shards(
    store: Store,
    key: str,
    shards: Iterable[PlannedShard],
    clips: Collection[Clip],
    config: PerturbConfig,
    seed: int,
) -> tuple[Artifact, dict[str, float]]:
    """One manifest of all shards and VIUBench, and its counts. The rows pass through; they are
    never held at once."""
    counts: Counter[str] = Counter(
        clips=len(clips), jigsaw_fewer_clips_than_level=0, jigsaw_frames_left_out=0
    )
    num_frames = {clip.clip_id: len(clip.timestamps_seconds) for clip in clips}

    def rows() -> Iterator[Sample]:
        for shard in shards:
            counts.update({name: int(number) for name, number in shard.counts.items()})
            yield from iterate_rows(store, shard.samples, Sample)
        viubench = plan_viubench(clips, config.viubench_items_per_type, seed)
        counts["viubench_missing"] = sum(
            missing_by_type(viubench, config.viubench_items_per_type).values()
        )
        yield from viubench

    # Rows are counted while they are written, so the counts are complete only afterwards.
    artifact = write_rows(store, key, Sample, _counted(rows(), counts, num_frames))
    logger.info("planned samples: %s", dict(counts))
    return artifact, {name: float(number) for name, number in counts.items()}


def _counted(
    samples: Iterable[Sample], counts: Counter[str], num_frames: Mapping[str, int]
) -> Iterator[Sample]:
    """Passes on `samples`: how many of which kind goes into `counts`, and what the jigsaws could
    not give."""
    for sample in samples:
        counts.update(("samples", f"samples_{sample.split.value}", f"samples_{sample.pretext}"))
        if sample.pretext == "jigsaw":
            shown = sum(view.stop_frame - view.start_frame for view in sample.views)
            counts["jigsaw_frames_left_out"] += num_frames[sample.views[0].clip_id] - shown
            # one digit for each clip
            counts["jigsaw_fewer_clips_than_level"] += len(sample.answer) < wanted_num_clips(
                sample.level
            )
        yield sample


def _plan_key(
    clip: Clip, config: PerturbConfig, seed: int, donors: Sequence[Donor], odds: Odds
) -> str:
    """Made of what the plan depends on, the planning code included, and of nothing else of the
    configuration."""
    kinds = [PRETEXTS[name].kinds(config) for name in config.pretexts]
    plan_config = (config.pretexts, kinds, config.levels, samples_per_pretext(clip, config))
    lent = [(donor.clip_id, donor.num_frames) for donor in donors]
    # The difficulty plan reaches training clips alone: the plans of the others are found again
    # after each round.
    planned = (
        (config.exploration, sorted(odds.items())) if clip.split is Split.TRAIN and odds else ()
    )
    return f"{work_key('planned', 'perturb', clip, plan_config, seed, lent, planned)}.parquet"
