"""`python -m tests.records.renew [NAME ...]`: compute records anew, say what changed, and store
it."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.records.catalogue import RECORDS
from tests.records.record import STORED, shown


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in RECORDS]
    if unknown:
        sys.stderr.write(f"unknown record {unknown[0]!r}; expected some of: {', '.join(RECORDS)}\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="videossr-records-") as folder:
        for name in names or RECORDS:
            record, began = RECORDS[name], time.process_time()
            now = record.now(Path(folder))
            differences = record.differences(now)
            seconds = time.process_time() - began
            if differences:
                record.renew(now)
            verdict = (
                f"{len(differences)} changes\n{shown(differences)}" if differences else "unchanged"
            )
            sys.stdout.write(f"{name} ({seconds:.1f} s): {verdict}\n")
    if not names:
        for path in sorted(STORED.glob("*.json")):
            if path.stem not in RECORDS:
                path.unlink()
                sys.stdout.write(f"{path.stem}: removed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
