from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import PerturbConfig, ValidateConfig
from tasks.core.edits import SpanEdit
from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample, Split
from tasks.validate.check import (
    check_manifests,
    draw_samples,
    find_or_check,
    rejected_share,
    stop_if_bad,
)
from tasks.validate.findings import ManifestFinding, Severity, findings_json, findings_table
from tasks.validate.frames import check_frames
from tasks.video.fingerprint import fingerprint
from tasks.video.frame_store import load_frames, pack_frames, unpack_frames
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.samples import plan_all

CONFIG = ValidateConfig(num_rerendered=20)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def clips(store: Store) -> list[Clip]:
    return [
        store_clip(store, make_clip("t", num_frames=16)),
        store_clip(store, make_clip("h", num_frames=16, split=Split.HELDOUT), seed=1),
    ]


@pytest.fixture
def samples(clips: list[Clip]) -> list[Sample]:
    config = PerturbConfig(train_samples_per_clip=(4, 2, 2), heldout_samples_per_clip=(2, 1, 1))
    return plan_all(clips, config)


def failures(store: Store, clips: list[Clip], samples: list[Sample]) -> list[ManifestFinding]:
    findings = check_manifests(store, clips, [], samples, CONFIG, seed=0)
    return [finding for finding in findings if not finding.passed]


@pytest.mark.slow
def test_good_manifests_pass(store: Store, clips: list[Clip], samples: list[Sample]) -> None:
    assert failures(store, clips, samples) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (lambda s: [], "has rows"),
        (lambda s: [*s, s[0]], "sample_id: values to be unique"),
        (lambda s: [replace(s[0], level=1.5), *s[1:]], "level: values to be between"),
        (lambda s: [replace(s[0], question=""), *s[1:]], "question_chars"),
        (lambda s: [replace(s[0], answer="soon"), *s[1:]], "answer: values to match regex"),
        (lambda s: [replace(s[0], answer="9.0-1.0"), *s[1:]], "answer / canonical_answer"),
        (
            lambda s: [replace(s[0], views=(replace(s[0].views[0], stop_frame=99),)), *s[1:]],
            "views_fit",
        ),
        (
            lambda s: [replace(s[0], views=(replace(s[0].views[0], clip_id="gone"),)), *s[1:]],
            "clips_split",
        ),
        (lambda s: [replace(s[0], split=Split.HELDOUT), *s[1:]], "clips_split"),
        (lambda s: [replace(x, split=Split.HELDOUT) for x in s], "split: distinct values"),
    ],
)
def test_bad_sample_manifest_is_found(
    store: Store,
    clips: list[Clip],
    samples: list[Sample],
    damage: Callable[[list[Sample]], list[Sample]],
    check: str,
) -> None:
    assert any(
        finding.check.startswith(check) for finding in failures(store, clips, damage(samples))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"sha256": "f" * 64}, "clip_id / clip_id_of_sha256"),
        ({"duration_seconds": 0.0}, "duration_seconds"),
        ({"timestamps_seconds": (0.0, 0.5, 0.5, *range(1, 14))}, "smallest_step_seconds"),
        ({"timestamps_seconds": (0.1, *range(1, 16))}, "first_timestamp_seconds"),
    ],
)
def test_bad_clip_manifest_is_found(
    store: Store, clips: list[Clip], samples: list[Sample], change: dict[str, object], check: str
) -> None:
    damaged = [replace(clips[0], **change), clips[1]]  # type: ignore[arg-type]
    assert any(finding.check.startswith(check) for finding in failures(store, damaged, samples))


def _upside_down(archive: bytes) -> bytes:
    """A sound archive of another video: the helper's own videos differ in texture alone."""
    return pack_frames(unpack_frames(archive)[:, ::-1], jpeg_quality=92)


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda data, other: data[: len(data) // 2], "damaged"),
        (lambda data, other: _flip(data, len(data) // 2), "damaged"),
        (lambda data, other: data[:-1], "damaged"),
        (lambda data, other: b"", "damaged"),
        (lambda data, other: _upside_down(other), "another video than 't.mp4'"),
        (
            lambda data, other: pack_frames(unpack_frames(data)[:-1], jpeg_quality=92),
            "holds frames (15, 64, 64, 3)",
        ),
        (
            lambda data, other: pack_frames(unpack_frames(data)[:, :32], jpeg_quality=92),
            "holds frames (16, 32, 64, 3)",
        ),
    ],
    ids=[
        "cut in half",
        "one bit",
        "last byte",
        "empty",
        "another clip's",
        "one frame less",
        "smaller frames",
    ],
)
def test_a_damaged_or_exchanged_archive_stops_the_run(
    store: Store,
    clips: list[Clip],
    samples: list[Sample],
    damage: Callable[[bytes, bytes], bytes],
    expected: str,
) -> None:
    clip, other = clips
    known = replace(clip, fingerprint=fingerprint(load_frames(store, clip)))
    assert check_frames(store, samples, {known.clip_id: known, other.clip_id: other}).passed
    store.write_bytes(
        clip.frames_key,
        damage(store.read_bytes(clip.frames_key), store.read_bytes(other.frames_key)),
    )
    finding = check_frames(store, samples, {known.clip_id: known, other.clip_id: other})
    shown = [sample for sample in samples if sample.views[0].clip_id == clip.clip_id]
    assert finding.stops_the_run
    assert finding.num_unexpected == len(shown)
    assert clip.frames_key in finding.example
    assert expected in finding.example
    with pytest.raises(InputError, match="frames are those of the clips"):
        stop_if_bad([finding])


def test_missing_frames_are_counted_and_no_crash(
    store: Store, clips: list[Clip], samples: list[Sample]
) -> None:
    gone = [replace(clip, frames_key="frames/gone") for clip in clips]
    failed = failures(store, gone, samples)
    assert failed[0].num_unexpected == len(samples)
    assert "frames/gone" in failed[0].example


def test_an_edit_that_cannot_be_applied_stops_the_run(
    store: Store, clips: list[Clip], samples: list[Sample]
) -> None:
    view = replace(
        samples[0].views[0], edits=(SpanEdit(kind="sparkle", start_frame=0, stop_frame=2),)
    )
    failed = failures(store, clips, [replace(samples[0], views=(view,)), *samples[1:]])
    assert [finding.num_unexpected for finding in failed] == [1]
    assert "cannot be rendered: unknown span edit 'sparkle'" in failed[0].example


def test_too_many_rejections_stop_the_run() -> None:
    assert rejected_share(1, 9, 0.9).passed
    assert rejected_share(1, 10, 0.9).stops_the_run


def test_findings_are_kept_and_only_good_ones_reused(
    store: Store, clips: list[Clip], samples: list[Sample]
) -> None:
    inputs = (
        write_rows(store, "clips.parquet", Clip, clips),
        write_rows(store, "rejected.parquet", Rejection, []),
        write_rows(store, "samples.parquet", Sample, samples),
    )
    findings, first = find_or_check(store, "v/findings.json", *inputs, CONFIG, 0)
    same, second = find_or_check(store, "v/findings.json", *inputs, CONFIG, 0)
    assert (first["reused"], second["reused"]) == (0.0, 1.0)
    assert findings == same == read_json(store, "v/findings.json", list[ManifestFinding])
    store.write_bytes("v/findings.json", findings_json([replace(findings[0], passed=False)]))
    _, third = find_or_check(store, "v/findings.json", *inputs, CONFIG, 0)
    assert (third["reused"], third["failed_errors"]) == (0.0, 0.0)


def test_warnings_are_logged_and_let_the_run_go_on(caplog: pytest.LogCaptureFixture) -> None:
    stop_if_bad(
        [ManifestFinding(manifest="samples", check="odd", passed=False, severity=Severity.WARNING)]
    )
    assert "odd" in caplog.text


def test_table_columns_are_aligned() -> None:
    lines = findings_table(
        [
            ManifestFinding(
                manifest="clips", check="short", passed=False, num_unexpected=3, example="x"
            ),
            ManifestFinding(
                manifest="samples",
                check="rather longer",
                passed=False,
                num_unexpected=12,
                example="y",
            ),
        ]
    ).splitlines()
    assert [line.index("error") for line in lines[1:]] == [lines[0].index("severity")] * 2


def test_drawn_samples_are_different_and_depend_on_the_seed_only(samples: list[Sample]) -> None:
    drawn = draw_samples(samples, 5, seed=3)
    assert drawn == draw_samples(samples, 5, seed=3)
    assert len({sample.sample_id for sample in drawn}) == 5
    assert draw_samples(samples, 500, seed=3) == samples
    assert np.any([draw_samples(samples, 5, seed=seed) != drawn for seed in range(5)])
