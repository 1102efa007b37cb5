"""Who works on what in a data root: of two equal jobs one works, and the other is told so.

A lease is a row of small files, `leases/NAME/000001.json` and so on. The newest one counts. It is
created only if it is not there yet (files and object stores can both promise that), and rewritten
by its owner alone, as a heartbeat. So a lease changes hands by creating the next number, and no
lock has to be trusted.

Whether an owner still works is seen at its process where that runs here. An execution on a cluster
is asked for (`ask_about_executions`): its pods may wait in a queue for hours without a heartbeat,
or have been gone for hours while the clock says little. Only what can be neither seen nor asked for
counts by its silence.
"""

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from tasks.core.errors import InputError
from tasks.core.owner import machine, started
from tasks.core.store import Store

LEASES = "leases"
_OUTPUTS = "outputs/"
"""Leases of outputs that jobs share stand apart from those of jobs."""
_NUMBERED = re.compile(r"\d{6,}\.json")
"""Copies that a person or a program made beside them have other names."""
BEAT_SECONDS = 30.0
SILENCE_SECONDS = 600.0
"""An owner that can be neither looked at nor asked for (a process of another machine; an execution
where no Flyte is named) counts as dead after this long without a heartbeat. Taking over from one
that only waited (a pod in a queue) does no harm: its next stage is refused, what it finished is
found."""
RETRAIN = "retrain"
"""Name of the one lease that all jobs of a cluster share which register a model: one of them works
a data root."""
IsGoing = Callable[[str], bool | None]
"""Whether an execution ("project/domain/name") goes on; None where nobody can be asked."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process on a machine, or an execution on a cluster, whose stages are many processes."""

    name: str
    """For people."""
    execution: str = ""
    """Of Flyte; empty outside a cluster."""
    machine: str = ""
    """Equal only where one process can look at another: same boot, same process namespace."""
    pid: int = 0
    started: str = ""
    """When the process started, so that a later one with the same pid is another."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who has it, since when, and when the owner was last heard of (UTC, ISO 8601)."""

    owner: Owner
    since: str
    beat: str
    run_id: str = ""
    """MLflow run of the job."""
    run_key: str = ""
    """What makes two jobs the same; empty in leases of earlier versions, whose names end with
    it."""
    experiment: str = ""
    tracking_uri: str = ""
    """Without a password: see `tasks.tracking`."""
    is_released: bool = False


class HeldError(InputError):
    """Somebody else is at work on it."""


def ask_about_executions(question: IsGoing) -> None:
    """From now on `question` is asked of owners that are executions; this room does not know
    whom."""
    global _is_going
    _is_going = question


def _nobody_knows(execution: str) -> bool | None:
    return None


_is_going: IsGoing = _nobody_knows


def take(store: Store, name: str) -> Lease:
    """Get the lease `name` for this process or execution, again if it has it already.

    What a dead owner worked on stays written in it until `update`: whoever took it over may die
    too.

    Raises:
        HeldError: it belongs to another that is alive.
    """
    while True:
        number, lease = _newest(store, name)
        if lease is not None and not lease.is_released:
            if lease.owner == this_owner():
                return lease
            if is_alive(lease):
                raise HeldError(_held(name, lease))
        now = _now()
        mine = Lease(owner=this_owner(), since=now, beat=now)
        if lease is not None and not lease.is_released:
            mine = replace(lease, owner=mine.owner, since=now, beat=now)
        # False if another was quicker with this number: then it is looked at who has it now.
        if store.create(_key(name, number + 1), _json(mine)):
            return mine


def find(store: Store, name: str) -> Lease | None:
    """Whoever has the lease or had it last."""
    return _newest(store, name)[1]


def find_all(store: Store) -> dict[str, Lease]:
    """All leases of a data root by name, those given back too."""
    names = [folder.rsplit("/", 1)[-1] for folder in store.list_keys(LEASES)]
    return {name: lease for name in names if (lease := find(store, name)) is not None}


def find_other(store: Store, name: str) -> Lease | None:
    """The lease of somebody else who is at work on it."""
    lease = find(store, name)
    is_other = (
        lease is not None
        and not lease.is_released
        and lease.owner != this_owner()
        and is_alive(lease)
    )
    return lease if is_other else None


def update(store: Store, name: str, lease: Lease) -> None:
    """Rewrite the newest record, by whoever owns it; nothing happens once another has it."""
    number, newest = _newest(store, name)
    if newest is not None and newest.owner == lease.owner:
        # If another takes the next number in between, this rewrites a record that counts no more.
        store.write_bytes(_key(name, number), _json(lease))


def release(store: Store, name: str) -> None:
    """Give the lease back, if this process or execution has it."""
    lease = find(store, name)
    if lease is not None and lease.owner == this_owner():
        update(store, name, replace(lease, is_released=True, beat=_now()))


@contextmanager
def held(store: Store, name: str) -> Iterator[None]:
    """Take the lease and show every half a minute that its owner lives; it is not given back at the
    end.

    Raises:
        HeldError: it belongs to another that is alive.
    """
    take(store, name)
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            try:
                lease = find(store, name)
                if lease is not None and lease.owner == this_owner() and not lease.is_released:
                    update(store, name, replace(lease, beat=_now()))
            except (
                OSError,
                InputError,
            ):  # a store that is away for a moment ends no stage: the next beat may come
                continue

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def working(store: Store, key: str) -> Iterator[None]:
    """Make what lies below `key` alone: jobs that differ in other things may want the same work.

    Raises:
        HeldError: another process or execution makes it.
    """
    name = f"{_OUTPUTS}{key}"
    try:
        with held(store, name):
            yield
    finally:
        release(store, name)  # after the last heartbeat, which would take it back


def is_alive(lease: Lease) -> bool:
    """Whether the owner still works: its process is looked at if it is here, an execution is asked
    for.

    Where neither is possible, its heartbeat counts.
    """
    owner = lease.owner
    if _is_here(owner):
        return started(owner.pid) == owner.started
    answer = _is_going(owner.execution) if owner.execution else None
    return _seconds_since(lease.beat) < SILENCE_SECONDS if answer is None else answer


def this_owner() -> Owner:
    """This process; on a cluster the execution that it belongs to."""
    return _owner(os.getpid())


# By pid: a forked process inherits the cache, and is another owner.
@cache
def _owner(pid: int) -> Owner:
    execution = os.environ.get("FLYTE_INTERNAL_EXECUTION_ID", "")
    if execution:
        parts = [
            os.environ.get(f"FLYTE_INTERNAL_EXECUTION_{part}", "") for part in ("PROJECT", "DOMAIN")
        ]
        return Owner(name=f"Flyte execution {execution}", execution="/".join([*parts, execution]))
    name = f"process {pid} on {socket.gethostname()}"
    return Owner(name=name, machine=machine(), pid=pid, started=started(pid))


def _held(name: str, lease: Lease) -> str:
    output = name.removeprefix(_OUTPUTS)
    what = (
        "the same job is at work already"
        if output == name
        else f"another job makes {output} just now"
    )
    if name == RETRAIN:
        what = "a retrain is at work on this data root already"
    run = f", MLflow run {lease.run_id}" if lease.run_id else ""
    can_be_told = _is_here(lease.owner) or (
        lease.owner.execution and _is_going(lease.owner.execution) is not None
    )
    ended = (
        "" if can_be_told else f", {SILENCE_SECONDS / 60:.0f} minutes after it was last heard of"
    )
    return (
        f"{what}: {lease.owner.name}, since {lease.since} (last heard of {lease.beat}{run}); "
        f"wait for it or end it: the same command then goes on with what it finished{ended}"
    )


def _newest(store: Store, name: str) -> tuple[int, Lease | None]:
    keys = [
        key for key in store.list_keys(f"{LEASES}/{name}") if _NUMBERED.fullmatch(Path(key).name)
    ]
    if not keys:
        return 0, None
    try:
        # Numbers have leading zeros and keys come sorted, so the last one is the newest.
        lease = TypeAdapter(Lease).validate_json(store.read_bytes(keys[-1]))
        # Raises if this is no time: such a file is damaged too.
        _seconds_since(lease.beat)
        return int(Path(keys[-1]).stem), lease
    except (ValueError, TypeError, IsADirectoryError) as error:
        raise InputError(
            f"{store.path(keys[-1])} is damaged; delete it if no other command works on this data "
            "root"
        ) from error


def _is_here(owner: Owner) -> bool:
    """Whether it can be looked at from this process."""
    return bool(owner.machine) and owner.machine == this_owner().machine and not owner.execution


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _key(name: str, number: int) -> str:
    return f"{LEASES}/{name}/{number:06}.json"


def _json(lease: Lease) -> bytes:
    return TypeAdapter(Lease).dump_json(lease, indent=1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
