"""What a workflow hands on when it has more than one result."""

from typing import NamedTuple

from tasks.core.measurement import DifficultyPlan, Selection
from tasks.core.records import DataSet
from tasks.core.training import TrainedPolicy


class PlannedData(NamedTuple):
    """A checked data set, and the difficulty plan that its samples follow."""

    data: DataSet
    plan: DifficultyPlan


class TrainedRound(NamedTuple):
    """One round of calibrate and train."""

    selection: Selection
    trained: TrainedPolicy


class TrainedRounds(NamedTuple):
    """All rounds, in order."""

    selections: list[Selection]
    trainings: list[TrainedPolicy]
