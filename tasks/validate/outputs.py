"""What the door of validate hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class ValidatedSet:
    """The manifests as they came, now checked: later stages take them from here and so wait for the checks."""

    clips: Artifact
    samples: Artifact
    findings: Artifact
    """`findings.json` in the store: one object for each check, for the report."""
    report: StageReport
