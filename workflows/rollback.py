"""Back to the champion before this one, or to the version that is named, by one command.

pyflyte run workflows/rollback.py rollback --model_name videossr
"""

from flytekit import workflow

from tasks.promote.task import move_champion


@workflow
def rollback(
    model_name: str, version: str = "", data_root: str = "./.videossr", tracking_uri: str = ""
) -> str:
    """Move the alias `champion`; the next run compares its challenger with that version."""
    told: str = move_champion(
        model_name=model_name, version=version, data_root=data_root, tracking_uri=tracking_uri
    )
    return told
