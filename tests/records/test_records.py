"""What the product computes is what it computed when the records were stored."""

from pathlib import Path

import pytest

from tests.records.catalogue import RECORDS
from tests.records.record import STORED, Record, shown


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_what_is_computed_is_what_was_recorded(record: Record, tmp_path: Path) -> None:
    differences = record.differences(record.now(tmp_path))
    assert not differences, (
        f"{record.name} is not as recorded ({len(differences)} "
        f"differences):\n{shown(differences)}\nIf that is on purpose: python -m "
        f"tests.records.renew {record.name}, and a line in CHANGELOG that says why."
    )


def test_every_stored_file_belongs_to_a_record() -> None:
    assert {path.stem for path in STORED.iterdir()} == set(RECORDS)
