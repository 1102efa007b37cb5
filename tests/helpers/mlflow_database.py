"""An MLflow database without a run: making one takes seconds, so one is made and copied."""

import fcntl
import shutil
from pathlib import Path

from tests.helpers.warm.process import session_folder


def put_empty_database(path: Path) -> None:
    """As MLflow itself makes it at the first use of `sqlite:///PATH`."""
    kept = session_folder() / "mlflow.db"
    with (session_folder() / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            made = kept.with_suffix(".new")
            SqlAlchemyStore(f"sqlite:///{made}", str(session_folder() / "unused"))
            made.rename(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, path)
