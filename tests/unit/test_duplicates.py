from dataclasses import replace

import numpy as np

from tasks.core.config import IngestConfig
from tasks.core.types import Clip
from tasks.ingest.duplicates import drop_exact, drop_forbidden, drop_near
from tasks.ingest.reasons import Reason
from tasks.video.fingerprint import NUM_BITS
from tests.helpers.clips import make_clip

CONFIG = IngestConfig(near_duplicate_distance=0.2)
KEEP = replace(CONFIG, near_duplicates="keep")


def prints(number: int, *, distance: float = 0.15, seed: int = 0) -> list[str]:
    """Fingerprints, each near the one before and the one after, and farther from the others."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, NUM_BITS)
    order, step = rng.permutation(NUM_BITS), int(distance * NUM_BITS)
    made = []
    for index in range(number):
        made.append(np.packbits(bits).tobytes().hex())
        bits[order[index * step : (index + 1) * step]] ^= 1
    return made


def clip(name: str, fingerprint: str, seconds: float = 10.0) -> Clip:
    return replace(make_clip(name), fingerprint=fingerprint, duration_seconds=seconds)


def test_of_equal_contents_the_first_by_source_stays() -> None:
    one, other = make_clip("b"), replace(make_clip("b"), source="a.mp4")
    kept, rejected = drop_exact([one, other])
    assert kept == [other]
    assert [(row.source, row.detail) for row in rejected] == [("b.mp4", "exact duplicate of a.mp4")]


def test_a_copy_is_rejected_and_says_of_what() -> None:
    first, second = prints(2)
    kept, groups, rejected = drop_near([clip("a", first), clip("b", second)], CONFIG)
    assert ([row.source for row in kept], groups) == (["a.mp4"], [0])
    assert rejected[0].reason == Reason.NEAR_DUPLICATE
    assert rejected[0].detail.startswith("near duplicate of a.mp4: 14.8%")


def test_who_resembles_a_rejected_copy_alone_stays() -> None:
    kept, groups, rejected = drop_near(
        [clip(name, text) for name, text in zip("abc", prints(3), strict=True)], CONFIG
    )
    assert ([row.source for row in kept], groups) == (["a.mp4", "c.mp4"], [0, 2])
    assert [row.source for row in rejected] == ["b.mp4"]


def test_kept_copies_share_a_group_even_through_others() -> None:
    clips = [clip(name, text) for name, text in zip("abc", prints(3), strict=True)]
    kept, groups, rejected = drop_near([*clips, clip("d", prints(1, seed=9)[0])], KEEP)
    assert (kept[:3], groups, rejected) == (clips, [0, 0, 0, 3], [])


def test_another_speed_is_no_copy_but_shares_the_group() -> None:
    (text,) = prints(1)
    kept, groups, rejected = drop_near([clip("a", text), clip("b", text, seconds=5.0)], CONFIG)
    assert (len(kept), groups, rejected) == (2, [0, 0], [])


def test_clips_without_fingerprint_are_left_alone() -> None:
    clips = [clip("a", ""), clip("b", "")]
    assert drop_near(clips, CONFIG) == (clips, [0, 1], [])


def test_what_looks_like_a_forbidden_video_is_rejected_however_long_it_is() -> None:
    first, second, third = prints(3)
    forbidden = [clip("bench1", second, seconds=600.0), clip("bench2", prints(1, seed=9)[0])]
    kept, rejected = drop_forbidden(
        [clip("a", first), clip("b", second), clip("c", ""), clip("d", third)], forbidden, KEEP
    )
    assert [row.source for row in kept] == ["c.mp4"]
    assert {row.source: row.detail for row in rejected} == {
        "a.mp4": "bench1.mp4: 14.8% of the fingerprint differ",
        "b.mp4": "bench1.mp4: 0.0% of the fingerprint differ",
        "d.mp4": "bench1.mp4: 14.8% of the fingerprint differ",
    }
    assert {row.reason for row in rejected} == {Reason.FORBIDDEN}
    assert drop_forbidden(kept, [], KEEP) == (kept, [])
