"""What the adopt stage hands on."""

from dataclasses import dataclass

from tasks.core.job import DataSet
from tasks.core.types import Artifact


@dataclass(frozen=True)
class AdoptedSet:
    """Somebody else's data set as clips and samples, and the rows that could not be used."""

    data: DataSet
    """Views of its samples are unedited; a rejection names file, row number, and the field with what was wrong."""
    origins: Artifact
    """Rows of Origin, one for each sample."""
