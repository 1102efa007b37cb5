"""Where a run's numbers, files and models are kept: two seams, so that nothing but their homes
knows MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from tasks.core.errors import InputError
from tasks.core.types import Artifact


class RunStatus(StrEnum):
    """How a run stands; the words are MLflow's."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class TrackerUnreachableError(InputError):
    """What keeps the record does not answer now, or not to this user, so the same call may work
    later."""


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
        """Log what was decided before; a value once logged stays, and another one becomes the tag
        `param.NAME`.

        So nothing that may change between two tries of the same run belongs here: that is a tag.
        """

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None
    ) -> None:
        """Log numbers of the run as a whole; the part of a name before "/" groups the charts.

        A number that stands already is not logged again. `at_seconds` is the Unix time, if it is
        not now.
        """

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        """Log numbers of one step of a curve; a step that is done again, after a kill, is logged
        once.

        `series` names what the steps depend on: steps of another series are others, even under the
        same names.
        """

    def log_bytes(self, name: str, data: bytes) -> None:
        """Keep a file under the run as `name`, which may contain folders."""

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep rows as the table `name` ("scores_table.json"), in the place of one that is there.

        Rows are JSON values and have the same keys: the columns.
        """

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
    """The checkpoint's folder: a key of the data root, or its whole address if it lies in another
    one."""
    tags: dict[str, str]


class ChampionMovedError(InputError):
    """The champion changed after the standing was read, so a decision that rests on it is void."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """One change of a champion, by a promotion or a rollback."""

    number: int
    """Later ones have larger numbers; the first is 1."""
    version: str
    """Who became champion."""
    before: str
    """Who was; empty if nobody."""
    run_id: str = ""
    """Of the run that promoted it; empty for a rollback."""


@dataclass(frozen=True)
class Standing:
    """Who is champion, and how that came about: what a decision about the next one rests on."""

    champion: RegisteredModel | None
    moves: tuple[Move, ...] = ()
    """Every change of the champion, oldest first."""

    @property
    def version(self) -> str:
        """The champion's; empty if there is none."""
        return self.champion.version if self.champion else ""

    @property
    def last_move(self) -> int:
        """Number of the latest change; 0 before the first."""
        return self.moves[-1].number if self.moves else 0

    @property
    def version_before(self) -> str:
        """The champion before this one; empty if there was none."""
        if not self.moves:
            return ""
        last = self.moves[-1]
        # A champion that is not the last move's was set by hand: then the last move's is the one
        # before it.
        return last.before if last.version == self.version else last.version

    def next_move(self, version: str, *, last_move: int, champion: str, run_id: str) -> Move | None:
        """The move that makes `version` champion after a decision that knew of `last_move` and
        `champion`.

        None if that decision was carried out before, whatever happened since: a promotion that is
        repeated does not undo a rollback.

        Raises:
            ChampionMovedError: the champion changed after the decision.
        """
        following = next((move for move in self.moves if move.number > last_move), None)
        if following is not None and following.version == version:
            return None
        # The alias may lead to `version` already, without a move: its mover was cut off in between.
        if following is not None or self.version not in (champion, version):
            raise ChampionMovedError(
                f"the champion changed while version {version} was compared with version "
                f"{champion or 'none'}: it is version {self.version or 'none'} now; run again to "
                "compare with that one"
            )
        return Move(number=last_move + 1, version=version, before=champion, run_id=run_id)


@runtime_checkable
class ModelRegistry(Protocol):
    """The registered models; each has at most one champion."""

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        """The version of this policy: a new one, or the one that holds the same weights, with its
        tags renewed."""

    def version(self, name: str, version: str) -> RegisteredModel | None:
        """One version of a model; None if there is none."""

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None: ...

    def standing(self, name: str) -> Standing: ...

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        """Make `version` the champion if the standing is still the one given; doing it twice does
        no harm.

        `champion` is the version that was champion then, empty if there was none.

        Raises:
            ChampionMovedError: it is not.
        """
