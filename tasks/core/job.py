"""What travels from door to door: the job, and the data set that it works on."""

from dataclasses import dataclass, field, replace

from tasks.core.config import RetrainConfig
from tasks.core.types import Artifact, Run, StageReport

_NOTHING = Artifact("", "")


@dataclass(frozen=True)
class Job:
    """A run with its whole configuration. A door takes its own section of it in its first lines."""

    run: Run
    config: RetrainConfig


@dataclass(frozen=True)
class DataSet:
    """Clips and the samples on them, as far as the stages have come; what no stage made yet is empty."""

    clips: Artifact = _NOTHING
    """Rows of Clip, by source."""
    rejected: Artifact = _NOTHING
    """Rows of Rejection: what was turned away, by source."""
    contents: Artifact = _NOTHING
    """Rows of ReadContent: all that could be read, accepted or not."""
    samples: Artifact = _NOTHING
    """Rows of Sample."""
    origins: Artifact = _NOTHING
    """Rows of Origin, one for each sample of an imported data set: its row in the file."""
    reports: list[StageReport] = field(default_factory=list)
    """Of the stages that made it, in order."""

    def with_samples(self, samples: Artifact, report: StageReport) -> "DataSet":
        """The same clips with `samples` on them."""
        return replace(self, samples=samples, reports=[*self.reports, report])

    def after(self, report: StageReport) -> "DataSet":
        """The same after one more stage, which changed nothing in it."""
        return replace(self, reports=[*self.reports, report])
