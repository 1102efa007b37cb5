"""What a workflow hands on when it has more than one result."""

from typing import NamedTuple

from tasks.ingest.outputs import ClipSet
from tasks.perturb.outputs import SampleSet
from tasks.validate.outputs import ValidatedSet

Dataset = NamedTuple("Dataset", [("clip_set", ClipSet), ("sample_set", SampleSet), ("validated", ValidatedSet)])
