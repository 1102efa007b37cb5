"""The way to MLflow: a tracking server, or one sqlite file below the data root; and what its errors
mean.

MLflow is imported on first use, because telemetry has to be switched off before, and because it
takes seconds.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from tasks.core.errors import InputError
from tasks.core.redact import redact
from tasks.core.store import Store
from tasks.tracking.address import PASSWORD_VARIABLE, TOKEN_VARIABLE, USER_VARIABLE
from tasks.tracking.tracker import TrackerRefusedError, TrackerUnreachableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

FoundT = TypeVar("FoundT")
ARTIFACTS = "mlartifacts"
"""Folder of a local data root for the files of runs."""

_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_PATIENCE = {
    _RETRIES: "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # a gateway may say an hour: entries wait meanwhile, nobody else
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""MLflow's own defaults would hold up training for minutes at every call; a set variable is left as
it is."""
_LONGEST_ANSWER = 300
"""Of what a server said, as it is shown and kept: a gateway may answer with a whole page in one
line."""
_REFUSALS = {
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "MALFORMED_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
}
"""Answers to the question itself, which asking again does not change; all others may pass."""
_REFUSED_STATUS = {400, 411, 413, 414, 422}
"""The same as HTTP has them, for artifacts: MLflow's own client passes those on."""
_MENDS = {
    401: f"it wants to know who asks: set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or "
    f"{TOKEN_VARIABLE}",
    403: "this user may not do that, or the server does not know its own name (mlflow server "
    "--allowed-hosts)",
    404: "there is no such run or place there: it was deleted, or another server answers at this "
    "address",
}
_STATUS = {
    "UNAUTHENTICATED": 401,
    "CUSTOMER_UNAUTHORIZED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
}


def check_place(data_root: str, tracking_uri: str) -> None:
    """Check that MLflow has a place for its records.

    Raises:
        InputError: no server is named, and the data root is remote, or has a sign that a database's
            address cannot.
    """
    if tracking_uri:
        return
    if urlsplit(data_root).scheme not in ("", "file"):
        raise InputError(
            f"the data root {redact(data_root)} is remote, so MLflow cannot keep its sqlite file "
            "there; give the URI of an MLflow server as tracking_uri"
        )
    if set("?#%") & set(local_path(data_root)):
        raise InputError(
            f"the data root {data_root!r} has a ?, # or % in its path, so MLflow cannot keep its "
            "sqlite file there; name another folder, or the URI of an MLflow server as "
            "tracking_uri"
        )


@cache
def open_client(data_root: str, tracking_uri: str) -> "MlflowClient":
    """The client of a server, or of the sqlite file below the data root.

    Raises:
        InputError: the file cannot be made or is none of MLflow's. ValueError: the address holds a
        password: a run, which is kept with every output, would hold it too.
    """
    if redact(tracking_uri) != tracking_uri:
        raise ValueError(
            f"expected an address without a password (`log_in`), got {redact(tracking_uri)!r}"
        )
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = (
        "true"  # read when MLflow is imported; there is no other switch
    )
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    # It reports every table that it creates, and a database's errors with their tracebacks; we say
    # them in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    check_place(data_root, tracking_uri)
    uri = tracking_uri or f"sqlite:///{_database(local_path(data_root))}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def local_path(data_root: str) -> str:
    """The folder of a local data root."""
    return os.path.abspath(data_root.removeprefix("file://"))


def database_path(data_root: str) -> str:
    """The sqlite file below a local data root."""
    return f"{local_path(data_root)}/mlflow.db"


@contextmanager
def asking(tracking_uri: str) -> Iterator[None]:
    """MLflow's errors become one line that says what to do.

    Raises:
        TrackerUnreachableError: it does not answer now, or not to this user: the same call may work
            later.
        TrackerRefusedError: it took the question and said no.
    """
    from google.protobuf.json_format import ParseError
    from mlflow.exceptions import MlflowException

    place = redact(tracking_uri) or "the sqlite file of the data root"
    try:
        yield
    except (
        MlflowException,
        OSError,
        ParseError,
    ) as error:  # requests' errors are OSErrors; another kind of answer
        first_line = redact((str(error).strip() or type(error).__name__).splitlines()[0])
        if len(first_line) > _LONGEST_ANSWER:
            first_line = f"{first_line[:_LONGEST_ANSWER]}..."
        if _is_refusal(error):
            raise TrackerRefusedError(f"MLflow at {place} refuses: {first_line}") from error
        mend = _MENDS.get(_status(error), "")
        raise TrackerUnreachableError(
            f"MLflow at {place} cannot be reached ({first_line}); {mend + '; ' if mend else ''}"
            "what was computed is kept: run the same command again when it answers"
        ) from error


@contextmanager
def reaching_artifacts() -> Iterator[None]:
    """Inside of `asking`: what the client of the server's store for files raises, e.g. that of S3,
    may pass too."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError):
        raise
    except Exception as error:
        raise OSError(f"its store of artifacts: {error}") from error


def find_or_make(find: Callable[[], FoundT | None], make: Callable[[], FoundT]) -> FoundT:
    """What `find` finds, else what `make` makes; an answer that comes too late leaves one, not
    several.

    MLflow's client would repeat the request itself, unseen. Here every repetition looks first.
    """
    from mlflow.exceptions import MlflowException

    failed: Exception | None = None
    for pause in _pauses():
        time.sleep(pause)
        found = find()
        if found is not None:
            return found
        try:
            with _no_repeats():
                return make()
        except (MlflowException, OSError) as error:
            if _is_refusal(error) and getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise
            failed = error
    found = find()  # the server may have made it all the same, or somebody else has
    if found is not None:
        return found
    assert failed is not None
    raise failed


def _pauses() -> list[float]:
    factor = float(os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"])
    return [0.0, *(factor * 2**number for number in range(int(os.environ[_RETRIES])))]


@contextmanager
def _no_repeats() -> Iterator[None]:
    before = os.environ[_RETRIES]  # the only way to tell the client; it looks at every call
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        os.environ[_RETRIES] = before


def _is_refusal(error: Exception) -> bool:
    code = getattr(error, "error_code", "")
    return code in _REFUSALS or (not code and _status(error) in _REFUSED_STATUS)


def _status(error: Exception) -> int:
    """As HTTP has it; 0 if there was no answer."""
    response = getattr(error, "response", None)
    return _STATUS.get(getattr(error, "error_code", ""), getattr(response, "status_code", 0) or 0)


def _database(folder: str) -> str:
    """MLflow's sqlite file in `folder`, made if there is none.

    MLflow makes its tables in place, step by step: two that begin at once stand in each other's
    way, and one that is killed leaves a file that none can use. So it is made beside its place, and
    whoever is first puts it there whole.
    """
    path = f"{folder}/mlflow.db"
    try:
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(path):
            _put_database(Store(folder), path)
        # Another process may be writing; sqlite3 itself waits for 5 s.
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            connection.execute("select version_num from alembic_version").fetchone()
            _follow_move(connection, f"{folder}/{ARTIFACTS}")
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"MLflow's records in {path} cannot be used: {error}; free the disk or mend the "
            "rights if that is the reason, else move the file away (runs and registered models "
            "are in it) or put a copy back"
        ) from error
    return path


def _follow_move(connection: sqlite3.Connection, place: str) -> None:
    """Let artifacts lie in `place`, which is below the data root as it is called now.

    MLflow keeps whole paths: in a data root that was moved or copied they name where it was, and
    what is new would be written there.
    """
    known = connection.execute("select distinct artifact_location from experiments").fetchall()
    for (before,) in known:
        if not before or before == place or not before.endswith(f"/{ARTIFACTS}"):
            continue
        with connection:
            for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                connection.execute(
                    # Not LIKE, in which the % and _ of a path stand for other signs.
                    f"update {table} set {column} = ? || substr({column}, ?) where "
                    f"substr({column} || '/', 1, ?) = ?",
                    (place, len(before) + 1, len(before) + 1, f"{before}/"),
                )


def _put_database(store: Store, path: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.exc import SQLAlchemyError

    unfinished = store.scratch_folder()  # cleaned by the next start if this process is killed
    try:
        made = f"{unfinished}/mlflow.db"
        SqlAlchemyStore(f"sqlite:///{made}", store.path(ARTIFACTS)).engine.dispose()  # type: ignore[no-untyped-call]
        _move_unless_there(made, path)
    except SQLAlchemyError as error:
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        store.leave_scratch(unfinished)


def _move_unless_there(source: str, target: str) -> None:
    try:
        # Unlike a rename, a link replaces nothing: the first one stays.
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not os.path.exists(target):
            os.rename(source, target)
