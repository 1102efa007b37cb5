"""What must hold of the manifests, checked with Great Expectations (this is its only home).

Takes tables of `tasks.validate.tables`, returns our own findings. Nothing is stored or sent: the context lives in
memory with analytics off. The import takes seconds, so it waits until a check is really wanted.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tasks.validate.findings import Finding, Severity

_ANSWER_PATTERNS = {
    "interval": r"^[0-9]+\.[0-9]-[0-9]+\.[0-9]$",
    "counts": r"^[0-9]+(?:,[0-9]+)*$",
    "permutation": r"^[1-9]{1,9}$",
}
_MAX_QUESTION_CHARS = 2000


def check_clips(table: pd.DataFrame, needed_splits: Sequence[str]) -> list[Finding]:
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
            x.ExpectColumnValuesToBeBetween(column="duration_seconds", min_value=0, strict_min=True),
            x.ExpectColumnValuesToBeBetween(column="width_px", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="height_px", min_value=1),
            x.ExpectColumnValueLengthsToBeBetween(column="frames_key", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="num_frames", min_value=2),
            x.ExpectColumnValuesToNotBeNull(column="first_timestamp_seconds"),
            x.ExpectColumnValuesToBeBetween(column="first_timestamp_seconds", min_value=0, max_value=0),
            x.ExpectColumnValuesToBeBetween(column="smallest_step_seconds", min_value=0, strict_min=True),
        ],
    )


def check_samples(table: pd.DataFrame, needed_splits: Sequence[str]) -> list[Finding]:
    """Findings about the sample manifest."""
    gx = _great_expectations()
    from great_expectations.expectations.row_conditions import Column

    x = gx.expectations
    answers = [
        x.ExpectColumnValuesToMatchRegex(column="answer", regex=pattern, row_condition=Column("answer_kind") == kind)
        for kind, pattern in _ANSWER_PATTERNS.items()
    ]
    return _validate(
        "samples",
        table,
        [
            x.ExpectColumnValuesToBeUnique(column="sample_id"),
            x.ExpectColumnValueLengthsToBeBetween(column="sample_id", min_value=1),
            x.ExpectColumnValuesToBeInSet(column="split", value_set=["train", "heldout", "viubench"]),
            x.ExpectColumnDistinctValuesToContainSet(column="split", value_set=list(needed_splits)),
            x.ExpectColumnValueLengthsToBeBetween(column="pretext", min_value=1),
            x.ExpectColumnValueLengthsToBeBetween(column="kind", min_value=1),
            x.ExpectColumnValuesToBeBetween(column="level", min_value=0, max_value=1),
            x.ExpectColumnValuesToBeBetween(column="question_chars", min_value=1, max_value=_MAX_QUESTION_CHARS),
            *answers,
            x.ExpectColumnPairValuesToBeEqual(column_A="answer", column_B="canonical_answer"),
            x.ExpectColumnValuesToBeBetween(column="num_views", min_value=1),
            x.ExpectColumnValuesToBeInSet(column="views_fit", value_set=[True]),
            x.ExpectColumnPairValuesToBeEqual(column_A="clips_split", column_B="clips_split_allowed"),
        ],
    )


def _validate(manifest: str, table: pd.DataFrame, expectations: list[Any]) -> list[Finding]:
    if table.empty:
        return [Finding(manifest=manifest, check="has rows", passed=False)]
    gx = _great_expectations()
    source = _quiet_context(gx).data_sources.add_pandas("manifests")
    whole = source.add_dataframe_asset(manifest).add_batch_definition_whole_dataframe("whole")
    suite = gx.ExpectationSuite(name=manifest, expectations=expectations)
    outcome = whole.get_batch({"dataframe": table}).validate(suite)
    return sorted((_finding(manifest, result) for result in outcome.results), key=lambda finding: finding.check)


def _finding(manifest: str, result: Any) -> Finding:
    config, details = result.expectation_config, result.result
    examples = details.get("partial_unexpected_list") or details.get("partial_missing_list") or []
    errors = [info["exception_message"] for info in result.exception_info.values() if isinstance(info, dict)]
    return Finding(
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
    limits = ", ".join(f"{name} {kwargs[name]}" for name in shown if kwargs.get(name) not in (None, False))
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
