"""What must hold of the manifests, checked with Great Expectations (this is its only home).

Manifests become flat tables with the derived columns that the expectations are about; out come our
own findings. Nothing is stored or sent: the context lives in memory with analytics off. The import
takes seconds, so it waits until a check is really wanted.
"""

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from rewards.schema import canonical_answer, read_schema
from tasks.core.edits import ReplaceEdit, donor_clip_ids
from tasks.core.types import Clip, Sample, Split, View
from tasks.validate.findings import ManifestFinding, Severity

_ANSWER_PATTERNS = {
    "interval": r"^[0-9]+\.[0-9]-[0-9]+\.[0-9]$",
    "counts": r"^[0-9]+(?:,[0-9]+)*$",
    "permutation": r"^[1-9]{1,9}$",
}
_MAX_QUESTION_CHARS = 2000
_BATCH_ROWS = 10_000


def check_clips(table: pd.DataFrame, needed_splits: Sequence[str]) -> list[ManifestFinding]:
    """Findings about the clip manifest."""
    gx = _great_expectations()
    x = gx.expectations
    return _validate(
        "clips",
        table,
        [
            x.ExpectColumnValuesToBeUnique(column="clip_id"),
            x.ExpectColumnValuesToMatchRegex(column="clip_id", regex=r"^[0-9a-f]{16}$"),
            x.ExpectColumnValuesToMatchRegex(column="sha256", regex=r"^[0-9a-f]{64}$"),
            x.ExpectColumnPairValuesToBeEqual(column_A="clip_id", column_B="clip_id_of_sha256"),
            x.ExpectColumnValuesToBeInSet(column="split", value_set=["train", "heldout"]),
            x.ExpectColumnDistinctValuesToContainSet(column="split", value_set=list(needed_splits)),
            x.ExpectColumnValuesToBeBetween(
                column="duration_seconds", min_value=0, strict_min=True
            ),
            x.ExpectColumnValuesToBeBetween(column="width_px", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="height_px", min_value=1),
            x.ExpectColumnValueLengthsToBeBetween(column="frames_key", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="num_frames", min_value=2),
            # Great Expectations leaves nulls out of every other check of a column.
            x.ExpectColumnValuesToNotBeNull(column="first_timestamp_seconds"),
            x.ExpectColumnValuesToBeBetween(
                column="first_timestamp_seconds", min_value=0, max_value=0
            ),
            x.ExpectColumnValuesToBeBetween(
                column="smallest_step_seconds", min_value=0, strict_min=True
            ),
        ],
    )


def check_samples(table: pd.DataFrame, needed_splits: Sequence[str]) -> list[ManifestFinding]:
    """Findings about the sample manifest."""
    gx = _great_expectations()
    from great_expectations.expectations.row_conditions import Column

    x = gx.expectations
    answers = [
        x.ExpectColumnValuesToMatchRegex(
            column="answer", regex=pattern, row_condition=Column("answer_kind") == kind
        )
        for kind, pattern in _ANSWER_PATTERNS.items()
    ]
    return _validate(
        "samples",
        table,
        [
            x.ExpectColumnValuesToBeUnique(column="sample_id"),
            x.ExpectColumnValueLengthsToBeBetween(column="sample_id", min_value=1),
            x.ExpectColumnValuesToBeInSet(
                column="split", value_set=["train", "heldout", "viubench"]
            ),
            x.ExpectColumnDistinctValuesToContainSet(column="split", value_set=list(needed_splits)),
            x.ExpectColumnValueLengthsToBeBetween(column="pretext", min_value=1),
            x.ExpectColumnValueLengthsToBeBetween(column="kind", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="level", min_value=0, max_value=1),
            x.ExpectColumnValuesToBeBetween(
                column="question_chars", min_value=1, max_value=_MAX_QUESTION_CHARS
            ),
            *answers,
            x.ExpectColumnPairValuesToBeEqual(column_A="answer", column_B="canonical_answer"),
            x.ExpectColumnValuesToBeBetween(column="num_views", min_value=1),
            x.ExpectColumnValuesToBeInSet(column="views_fit", value_set=[True]),
            x.ExpectColumnPairValuesToBeEqual(
                column_A="clips_split", column_B="clips_split_allowed"
            ),
        ],
    )


def clips_table(clips: Sequence[Clip]) -> pd.DataFrame:
    """One row a clip."""
    rows = []
    for clip in clips:
        times = clip.timestamps_seconds
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        rows.append(
            {
                "clip_id": clip.clip_id,
                "sha256": clip.sha256,
                "clip_id_of_sha256": clip.sha256[:16],
                "split": clip.split.value,
                "duration_seconds": clip.duration_seconds,
                "width_px": clip.width_px,
                "height_px": clip.height_px,
                "frames_key": clip.frames_key,
                "num_frames": len(times),
                "first_timestamp_seconds": times[0] if times else None,
                "smallest_step_seconds": min(steps, default=None),
            }
        )
    return pd.DataFrame(rows)


def samples_table(samples: Iterable[Sample], clips: Mapping[str, Clip]) -> pd.DataFrame:
    """One row a sample. Of an iterator, only one batch is held as samples."""
    iterator = iter(samples)
    parts = []
    while batch := list(itertools.islice(iterator, _BATCH_ROWS)):
        parts.append(pd.DataFrame([_flat(sample, clips) for sample in batch]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _validate(manifest: str, table: pd.DataFrame, expectations: list[Any]) -> list[ManifestFinding]:
    if table.empty:
        return [ManifestFinding(manifest=manifest, check="has rows", passed=False)]
    gx = _great_expectations()
    source = _quiet_context(gx).data_sources.add_pandas("manifests")
    whole = source.add_dataframe_asset(manifest).add_batch_definition_whole_dataframe("whole")
    suite = gx.ExpectationSuite(name=manifest, expectations=expectations)
    outcome = whole.get_batch({"dataframe": table}).validate(suite)
    return sorted(
        (_finding(manifest, result) for result in outcome.results),
        key=lambda finding: finding.check,
    )


def _finding(manifest: str, result: Any) -> ManifestFinding:
    config, details = result.expectation_config, result.result
    examples = details.get("partial_unexpected_list") or details.get("partial_missing_list") or []
    errors = [
        info["exception_message"]
        # One entry a metric if something was raised, else plain fields that say so.
        for info in result.exception_info.values()
        if isinstance(info, dict)
    ]
    return ManifestFinding(
        manifest=manifest,
        check=_describe(config.type, config.kwargs),
        passed=bool(result.success),
        num_unexpected=int(details.get("unexpected_count") or 0),
        example=str((examples + errors)[0]) if examples or errors else "",
        severity=Severity.ERROR,
    )


def _describe(expectation_type: str, kwargs: dict[str, Any]) -> str:
    """E.g. "level: values to be between (min_value 0, max_value 1)"."""
    columns = [str(kwargs[name]) for name in ("column", "column_A", "column_B") if name in kwargs]
    words = expectation_type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    shown = ("min_value", "max_value", "strict_min", "value_set", "regex")
    limits = ", ".join(
        f"{name} {kwargs[name]}" for name in shown if kwargs.get(name) not in (None, False)
    )
    return f"{' / '.join(columns)}: {words}" + (f" ({limits})" if limits else "")


def _great_expectations() -> Any:
    with warnings.catch_warnings():
        # it imports a module that Python has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations
        import great_expectations.expectations
    return great_expectations


def _quiet_context(gx: Any) -> Any:
    """A context in memory that writes, sends and shows nothing."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _flat(sample: Sample, clips: Mapping[str, Clip]) -> dict[str, object]:
    return {
        "sample_id": sample.sample_id,
        "split": sample.split.value,
        "pretext": sample.pretext,
        "kind": sample.kind,
        "level": sample.level,
        "question_chars": len(sample.question),
        "answer": sample.answer,
        "answer_kind": sample.answer_kind,
        "canonical_answer": canonical_answer(sample.answer, read_schema(sample.answer_kind)) or "",
        "num_views": len(sample.views),
        "views_fit": all(_view_fits(view, clips) for view in sample.views),
        "clips_split": _clips_split(sample, clips),
        "clips_split_allowed": (
            Split.TRAIN if sample.split is Split.TRAIN else Split.HELDOUT
        ).value,
    }


def _view_fits(view: View, clips: Mapping[str, Clip]) -> bool:
    """Whether the frames of the view, and those that it borrows, are there."""
    lent = [
        (
            edit.donor_clip_id,
            edit.donor_start_frame,
            edit.donor_start_frame + edit.stop_frame - edit.start_frame,
        )
        for edit in view.edits
        if isinstance(edit, ReplaceEdit)
    ]
    return all(
        clip_id in clips and 0 <= start_frame < stop_frame <= len(clips[clip_id].timestamps_seconds)
        for clip_id, start_frame, stop_frame in [
            (view.clip_id, view.start_frame, view.stop_frame),
            *lent,
        ]
    )


def _clips_split(sample: Sample, clips: Mapping[str, Clip]) -> str:
    """The split that all clips of the sample are in; says so if they differ or are not in the
    manifest."""
    ids = [
        clip_id for view in sample.views for clip_id in (view.clip_id, *donor_clip_ids(view.edits))
    ]
    splits = {clips[clip_id].split.value if clip_id in clips else "unknown clip" for clip_id in ids}
    return " and ".join(sorted(splits))
