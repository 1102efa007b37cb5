"""The outcome of a check, in our own words, and as table and JSON for people and the report."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a failed check means."""

    ERROR = "error"
    """The run stops."""
    WARNING = "warning"
    """The run goes on and the report shows it."""


@dataclass(frozen=True, kw_only=True)
class ManifestFinding:
    """One check of one manifest."""

    manifest: str
    check: str
    passed: bool
    num_unexpected: int = 0
    """Rows that failed; 0 as well for a failed check of the whole table."""
    example: str = ""
    severity: Severity = Severity.ERROR

    @property
    def stops_the_run(self) -> bool:
        return not self.passed and self.severity is Severity.ERROR


def findings_table(findings: Sequence[ManifestFinding]) -> str:
    """The findings as text in aligned columns."""
    header = ("manifest", "check", "severity", "rows", "example")
    rows = [
        (f.manifest, f.check, f.severity.value, str(f.num_unexpected), f.example) for f in findings
    ]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def findings_json(findings: Sequence[ManifestFinding]) -> bytes:
    return json.dumps([asdict(finding) for finding in findings], indent=1).encode()
