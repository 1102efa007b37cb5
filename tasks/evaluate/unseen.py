"""Stub: helper `unseen` writes this file."""

from tasks.benchmarks.records import Questions
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Artifact


def score_unseen(
    store: Store, data: DataSet, questions: Questions, seed: int
) -> dict[str, Artifact]:
    """Rows of Unseen by place."""
    return {}
