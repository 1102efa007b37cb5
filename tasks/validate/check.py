"""All checks of the manifests, and what to do about their findings."""

import logging
from collections.abc import Collection, Sequence

from tasks.core.config import ValidateConfig
from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.manifest import Rows, read_rows
from tasks.core.seeding import generator
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Rejection, Sample
from tasks.validate.expectations import check_clips, check_samples, clips_table, samples_table
from tasks.validate.findings import ManifestFinding, findings_json, findings_table
from tasks.validate.frames import check_frames

logger = logging.getLogger(__name__)


def find_or_check(
    store: Store,
    key: str,
    clips: Artifact,
    rejected: Artifact,
    samples: Artifact,
    config: ValidateConfig,
    seed: int,
) -> tuple[list[ManifestFinding], dict[str, float]]:
    """The findings kept at `key`, or new ones if there are none or they stopped a run; and their
    counts."""
    findings = read_json(store, key, list[ManifestFinding]) if store.exists(key) else []
    # What stopped a run may be mended since, under the same manifests: a damaged archive is deleted
    # and made anew. So only findings that let it pass are trusted.
    reused = bool(findings) and not any(finding.stops_the_run for finding in findings)
    if not reused:
        findings = check_manifests(
            store,
            read_rows(store, clips, Clip),
            read_rows(store, rejected, Rejection),
            Rows(store, samples, Sample),
            config,
            seed,
        )
        store.write_bytes(key, findings_json(findings))
    counts = {
        "checks": float(len(findings)),
        "failed_errors": float(sum(finding.stops_the_run for finding in findings)),
        "failed_warnings": float(
            sum(not finding.passed and not finding.stops_the_run for finding in findings)
        ),
        "rows_rendered": float(min(config.num_rerendered, samples.num_rows)),
        "reused": float(reused),
    }
    return findings, counts


def check_manifests(
    store: Store,
    clips: Sequence[Clip],
    rejections: Sequence[Rejection],
    samples: Collection[Sample],
    config: ValidateConfig,
    seed: int,
) -> list[ManifestFinding]:
    """Findings about both manifests; drawn samples are rendered again only if the rows are sound.

    `samples` are gone through several times; they may be too many to be held as rows.
    """
    by_id = {clip.clip_id: clip for clip in clips}
    # Videos for a benchmark are held out as a whole, so there is nothing to train on.
    clip_splits, sample_splits = (
        (("train",), ("train",)) if config.needs_training_split else (("heldout",), ("viubench",))
    )
    findings = [
        rejected_share(len(clips), len(rejections), config.max_rejected_share),
        *check_clips(clips_table(clips), clip_splits),
        *check_samples(samples_table(samples, by_id), sample_splits),
    ]
    # Rendering rows that name missing clips or frames would only fail once more, in other words.
    if any(finding.stops_the_run for finding in findings):
        return findings
    return [
        *findings,
        check_frames(store, draw_samples(samples, config.num_rerendered, seed), by_id),
    ]


def rejected_share(num_clips: int, num_rejected: int, max_share: float) -> ManifestFinding:
    """Whether ingest accepted enough of its inputs."""
    share = num_rejected / max(1, num_clips + num_rejected)
    return ManifestFinding(
        manifest="rejected",
        check=f"at most {max_share:.0%} of the inputs rejected",
        passed=share <= max_share,
        num_unexpected=num_rejected,
        example=f"{num_rejected} of {num_clips + num_rejected}",
    )


def draw_samples(samples: Collection[Sample], count: int, seed: int) -> list[Sample]:
    """`count` different samples at random (all if there are fewer), in manifest order."""
    if len(samples) <= count:
        return list(samples)
    # Rows may stream from their file, so they are passed through once instead of being indexed.
    chosen = set(
        generator(seed, "validate").choice(len(samples), size=count, replace=False).tolist()
    )
    return [sample for index, sample in enumerate(samples) if index in chosen]


def stop_if_bad(findings: Sequence[ManifestFinding]) -> None:
    """Log failed warnings, stop at failed errors.

    Raises:
        InputError: with a table of what failed.
    """
    failed = [finding for finding in findings if not finding.passed]
    warnings = [finding for finding in failed if not finding.stops_the_run]
    if warnings:
        logger.warning("validate warns:\n%s", findings_table(warnings))
    errors = [finding for finding in failed if finding.stops_the_run]
    if errors:
        raise InputError(
            f"{len(errors)} of {len(findings)} checks of the manifests "
            f"failed:\n{findings_table(errors)}"
        )
