"""Leases whose owner is an execution: Flyte says whether it goes on, and no clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core import lease
from tasks.core.lease import HeldError, Lease, Owner
from tasks.core.store import Store
from tests.helpers.told_flyte import PLACE, ToldFlyte, in_execution

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "root"))


def _held(store: Store, *, silent_seconds: float) -> Lease:
    """A lease of the execution f1, last heard of so long ago."""
    beat = (datetime.now(UTC) - timedelta(seconds=silent_seconds)).isoformat(timespec="seconds")
    owner = Owner(name="Flyte execution f1", execution=f"{PLACE}/f1")
    held = Lease(owner=owner, since=beat, beat=beat, run_id="run-7", run_key="k", experiment="e")
    assert store.create("leases/job/000001.json", lease._json(held))
    return held


def test_one_that_goes_on_is_never_taken_over_however_long_it_was_silent(
    store: Store, told: ToldFlyte
) -> None:
    told.tell("f1", "RUNNING")
    held = _held(store, silent_seconds=lease.SILENCE_SECONDS * 1000)
    assert lease.find_other(store, "job") == held
    with pytest.raises(HeldError, match="Flyte execution f1, since") as refused:
        lease.take(store, "job")
    assert "minutes after" not in str(refused.value), "no clock decides"
    told.refuses = True
    assert lease.find_other(store, "job") == held, "Flyte does not answer just now"


@pytest.mark.parametrize("end", ["FAILED", "ABORTED", "SUCCEEDED", "forgotten"])
def test_one_that_ended_is_taken_over_at_once_and_its_work_stays_known(
    store: Store, told: ToldFlyte, end: str
) -> None:
    if end != "forgotten":
        told.tell("f1", end)
    held = _held(store, silent_seconds=0)
    assert lease.find_other(store, "job") is None
    mine = lease.take(store, "job")
    assert mine.owner == lease.this_owner()
    assert (mine.run_id, mine.run_key, mine.experiment) == ("run-7", "k", "e"), (
        "until its new owner has another run"
    )
    lease.update(store, "job", replace(held, run_id="late"))
    assert lease.find(store, "job") == mine


def test_where_no_flyte_is_named_it_counts_by_its_silence(
    store: Store, told: ToldFlyte, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.tell("f1", "FAILED")
    monkeypatch.delenv("FLYTE_PLATFORM_URL")
    _held(store, silent_seconds=lease.SILENCE_SECONDS / 2)
    with pytest.raises(HeldError, match="10 minutes after it was last heard of"):
        lease.take(store, "job")
    monkeypatch.setattr(lease, "SILENCE_SECONDS", 1.0)
    assert lease.take(store, "job").owner == lease.this_owner()
    assert told.asked == []


def test_its_own_pods_ask_nobody(store: Store, told: ToldFlyte) -> None:
    with in_execution("f1"):
        taken = lease.take(store, "job")
        with lease.held(store, "job"):
            assert lease.take(store, "job") == taken
    assert told.asked == []


def test_a_lease_of_an_earlier_version_can_be_read(store: Store, told: ToldFlyte) -> None:
    told.tell("f1", "RUNNING")
    held = _held(store, silent_seconds=0)
    path = Path(store.path("leases/job/000001.json"))
    path.write_text(path.read_text().replace('"run_key":"k",', "").replace('"run_key": "k",', ""))
    assert lease.find(store, "job") == replace(held, run_key="")
