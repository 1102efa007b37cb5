"""VIUBench of a folder of its own: every accepted clip is held out, whatever a training run would
do with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.reuse import work_key
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Rejection, Sample, Split
from tasks.perturb.viubench import missing_by_type, plan_viubench


def plan_benchmark(
    store: Store, clips: Artifact, rejected: Artifact, items_per_type: int, seed: int
) -> tuple[Artifact, Artifact, dict[str, float]]:
    """The clips, all held out, the items on them, and counts.

    Raises:
        InputError: no clip was accepted.
    """
    accepted = read_rows(store, clips, Clip)
    if not accepted:
        raise _no_clips(read_rows(store, rejected, Rejection))
    heldout = [replace(clip, split=Split.HELDOUT) for clip in accepted]
    samples = plan_viubench(heldout, items_per_type, seed)
    key = work_key("planned", "perturb", "viubench", clips.digest, items_per_type, seed)
    missing = missing_by_type(samples, items_per_type)
    counts = {"clips": len(heldout), "samples": len(samples), "missing": sum(missing.values())}
    return (
        write_rows(store, f"{key}/clips.parquet", Clip, heldout),
        write_rows(store, f"{key}/items.parquet", Sample, samples),
        {name: float(number) for name, number in counts.items()},
    )


def _no_clips(rejections: Sequence[Rejection]) -> InputError:
    reasons = ", ".join(
        f"{number} {reason}"
        for reason, number in Counter(r.reason for r in rejections).most_common()
    )
    return InputError(
        f"videos: none of the {len(rejections)} files could be used ({reasons}); give other videos"
    )
