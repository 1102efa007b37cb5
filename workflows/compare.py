"""Two versions of a model side by side, by one command: it asks nothing and writes nothing.

pyflyte run workflows/compare.py compare --model_name videossr --first 3 --second 5
"""

from flytekit import workflow

from tasks.promote.task import compare_versions


@workflow
def compare(
    model_name: str,
    first: str = "",
    second: str = "",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> str:
    """Scores of `first` and `second` by benchmark, with paired differences; of all versions on the
    anchor if none is named. A version is a number, `base` or `champion`."""
    table: str = compare_versions(
        model_name=model_name,
        first=first,
        second=second,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    return table
