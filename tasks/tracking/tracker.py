"""Where a run's numbers, files and models are kept: two seams, so that nothing but their homes knows MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from tasks.core.errors import InputError
from tasks.core.types import Artifact
from tasks.tracking.moves import Move


class RunStatus(StrEnum):
    """How a run stands; the words are MLflow's."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class TrackerUnreachableError(InputError):
    """What keeps the record does not answer now, or not to this user, so the same call may work later."""


class TrackerRefusedError(InputError):
    """What keeps the record took the question and said no: asking again changes nothing."""


@runtime_checkable
class Tracker(Protocol):
    """One run's record."""

    @property
    def run_id(self) -> str:
        """Which run it is."""
        ...

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log what was decided before; a value once logged stays, and another one becomes the tag `param.NAME`.

        So nothing that may change between two tries of the same run belongs here: that is a tag.
        """

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None) -> None:
        """Log numbers of the run as a whole; the part of a name before "/" groups the charts.

        A number that stands already is not logged again. `at_seconds` is the Unix time, if it is not now.
        """

    def log_step(self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None) -> None:
        """Log numbers of one step of a curve; a step that is done again, after a kill, is logged once.

        `series` names what the steps depend on: steps of another series are others, even under the same names.
        """

    def log_bytes(self, name: str, data: bytes) -> None:
        """Keep a file under the run as `name`, which may contain folders."""

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        """Say which data the run used: `context` is the use ("train", "eval", ...)."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Say what may change; an empty text takes a tag away."""

    def set_status(self, status: RunStatus) -> None: ...


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a registered model."""

    version: str
    policy: Artifact
    """The checkpoint's folder: a key of the data root, or its whole address if it lies in another one."""
    tags: dict[str, str]


@dataclass(frozen=True)
class Standing:
    """Who is champion, and since which change: what a decision about the next one rests on."""

    champion: RegisteredModel | None
    last_move: int = 0
    """Number of the latest change of the champion; 0 before the first."""


class ChampionMovedError(InputError):
    """The champion changed after the standing was read, so a decision that rests on it no longer counts."""


@runtime_checkable
class ModelRegistry(Protocol):
    """The registered models; each has at most one champion."""

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        """The version of this policy: a new one, or the one that holds the same weights, with its tags renewed."""

    def version(self, name: str, version: str) -> RegisteredModel | None:
        """One version of a model; None if there is none."""

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None: ...

    def standing(self, name: str) -> Standing: ...

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        """Make `version` the champion if the standing is still the one given; doing it twice does no harm.

        `champion` is the version that was champion then, empty if there was none.

        Raises:
            ChampionMovedError: something did.
        """

    def moves(self, name: str) -> list[Move]:
        """Every change of the champion that took effect, oldest first."""
