"""What a workflow hands on when it has more than one result."""

from typing import NamedTuple

from tasks.ingest.outputs import ClipSet
from tasks.perturb.outputs import SampleSet
from tasks.validate.outputs import ValidatedSet


class Dataset(NamedTuple):
    """Accepted clips, planned samples, and both again after the checks."""

    clip_set: ClipSet
    sample_set: SampleSet
    validated: ValidatedSet
