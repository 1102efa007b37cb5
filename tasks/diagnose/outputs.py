"""What the diagnose stage hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


@dataclass(frozen=True)
class Diagnosis:
    """What a data set can teach one policy."""

    rows: Artifact
    """Rows of RowDiagnosis."""
    teaching: str
    """File with the rows that teach, in the schema in which the data set came."""
    report: str
    """File with the HTML report; `summary.json` and the tables as JSON lines lie beside it."""
    num_teaching: int
