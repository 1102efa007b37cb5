"""What a workflow hands on when it has more than one result."""

from typing import NamedTuple

from tasks.core.measurement import DifficultyPlan, Selection
from tasks.core.training import Trained
from tasks.ingest.outputs import ClipSet
from tasks.perturb.outputs import SampleSet
from tasks.validate.outputs import ValidatedSet


class PlannedSamples(NamedTuple):
    """Planned samples, and both manifests again after the checks."""

    sample_set: SampleSet
    validated: ValidatedSet


class Dataset(NamedTuple):
    """Accepted clips, the difficulty plan started from, planned samples, and both manifests again after the checks."""

    clip_set: ClipSet
    plan: DifficultyPlan
    sample_set: SampleSet
    validated: ValidatedSet


class TrainedRound(NamedTuple):
    """One round of calibrate and train."""

    selection: Selection
    trained: Trained


class TrainedRounds(NamedTuple):
    """All rounds, in order."""

    selections: list[Selection]
    trainings: list[Trained]
