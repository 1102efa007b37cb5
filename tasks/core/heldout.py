"""Are enough videos held out to promote? Said as soon as the split is known, and again when the
decision falls."""

from tasks.core.config import RetrainConfig
from tasks.core.statistics import MIN_VIDEOS


def promotion_advice(num_heldout: int, num_train: int, config: RetrainConfig) -> str:
    """What is missing and what helps, in one line; empty if enough videos are held out."""
    needed, aimed = config.promote.min_videos, config.ingest.min_heldout_clips
    if num_heldout >= needed:
        return ""
    num_videos = num_heldout + num_train
    # Of a small folder at most half is held out, and what was in training stays there.
    more = max(
        needed - num_heldout,
        2 * needed - num_videos,
        needed + config.ingest.min_train_clips - num_videos,
    )
    aim = f" and set ingest.min_heldout_clips to {needed}" if aimed < needed else ""
    lower = f", or set promote.min_videos to {num_heldout}" if num_heldout >= MIN_VIDEOS else ""
    return (
        f"{num_heldout} of {num_videos} videos are held out, promotion needs {needed} "
        f"(promote.min_videos): add about {more} video{'s' * (more != 1)}{aim}{lower}"
    )
