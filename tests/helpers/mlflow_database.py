"""An MLflow database without a run: making one takes seconds, so one is made and copied.

It is as strict as PostgreSQL, which a team's server has: sqlite would take a text of any length
into a short column.
"""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.helpers.made_once import made_once

_LIMITED = re.compile(r"VARCHAR\((\d+)\)")


def put_empty_database(path: Path) -> None:
    """As MLflow itself makes it at the first use of `sqlite:///PATH`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made_once("empty-mlflow", _make) / "mlflow.db", path)


def _make(folder: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = folder / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(folder / "unused"))
    with closing(sqlite3.connect(path)) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            _limit(database, table)
        database.commit()


def _limit(database: sqlite3.Connection, table: str) -> None:
    """Refuse what is longer than its column says, in PostgreSQL's words."""
    columns = [
        (name, kind) for _, name, kind, *_ in database.execute(f"PRAGMA table_info('{table}')")
    ]
    lengths = {name: int(found[1]) for name, kind in columns if (found := _LIMITED.fullmatch(kind))}
    for name, length in lengths.items():
        for verb in ("INSERT", "UPDATE"):
            database.execute(
                f"CREATE TRIGGER 'limit {table} {name} {verb}' BEFORE {verb} ON '{table}' "
                f'WHEN length(NEW."{name}") > {length} BEGIN '
                f"SELECT RAISE(ABORT, 'value too long for type character varying({length})'); END"
            )
