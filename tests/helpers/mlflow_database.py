"""An MLflow database without a run: making one takes seconds, so one is made and copied."""

import shutil
from pathlib import Path

from tests.helpers.made_once import made_once


def put_empty_database(path: Path) -> None:
    """As MLflow itself makes it at the first use of `sqlite:///PATH`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made_once("empty-mlflow", _make) / "mlflow.db", path)


def _make(folder: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", str(folder / "unused"))
