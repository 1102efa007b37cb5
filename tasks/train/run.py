"""A training run: steps, metrics, checkpoints, and going on after a crash as if it had not happened.

What a step does is passed in; GRPO and the warm start share everything here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

from tasks.core.errors import InputError, Interrupted
from tasks.tracking.tracker import Tracker
from tasks.train.checkpoints import Checkpoints, Restored
from tasks.train.ranks import Ranks
from tasks.train.rng import rng_state
from tasks.train.stop import StopWish

logger = logging.getLogger(__name__)

RUN_ID = "run_id"
"""Where the origin of a checkpoint names the run in the tracker."""


@runtime_checkable
class StepRow(Protocol):
    """What the record of any training says about a step."""

    @property
    def skipped(self) -> bool:
        """The update was left out, because its gradient was not finite."""
        ...

    def metrics(self) -> dict[str, float]:
        """The step as tracker metrics, grouped by the part before the slash."""
        ...

    def headline(self) -> dict[str, str]:
        """What stands beside the progress bar."""
        ...


RowT = TypeVar("RowT", bound=StepRow)


@dataclass(frozen=True)
class Finished(Generic[RowT]):
    """The record of a run, and counts of what did not go as it should."""

    record: list[RowT]
    counts: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainingRun(Generic[RowT]):
    """`num_steps` calls of `step`, in order, each with its number. Every rank runs it; the first one reports."""

    title: str
    num_steps: int
    step: Callable[[int], RowT]
    restored: Callable[[], None]
    """Called after weights came from a checkpoint."""
    checkpoints: Checkpoints[RowT]
    checkpoint_every_steps: int
    max_skipped_in_a_row: int
    tracker: Tracker
    first_step: int = 0
    """Where the tracker's curves begin."""
    stop: StopWish = field(default_factory=StopWish)

    def train(self) -> Finished[RowT]:
        """Train to the end, from the last checkpoint if there is one.

        Raises:
            Interrupted: a signal came; what was done is kept in a checkpoint.
            InputError: too many updates in a row had to be left out.
        """
        with self.stop.listening():
            restored = self.checkpoints.restore()
            if restored.record:
                self.restored()
                self._report_restored(restored)
            return self._train(restored)

    def _train(self, restored: Restored[RowT]) -> Finished[RowT]:
        record, num_failed, is_saved = restored.record, 0, True
        with tqdm(
            desc=self.title,
            unit="step",
            initial=len(record),
            total=self.num_steps,
            disable=not self._ranks.is_first,
        ) as progress:
            for number in range(len(record), self.num_steps):
                rng = rng_state()
                try:
                    self.stop.check(self._ranks)
                    row = self.step(number)
                except Interrupted as wish:
                    is_saved = is_saved or self.checkpoints.save(record, rng)
                    raise _explained(wish, number, is_saved=is_saved) from None
                record.append(row)
                self._report(row, number, progress)
                self._refuse_to_go_on_in_vain(record)
                is_saved = False
                if len(record) % self.checkpoint_every_steps == 0 and len(record) < self.num_steps:
                    is_saved = self.checkpoints.save(record, rng_state())
                    num_failed += not is_saved
        counts = {
            "steps_skipped": sum(row.skipped for row in record),
            "checkpoints_failed": num_failed,
            "checkpoints_damaged": len(restored.damaged),
        }
        return Finished(record, {name: float(count) for name, count in counts.items()})

    @property
    def _ranks(self) -> Ranks:
        return self.checkpoints.engine.ranks

    def _report(self, row: RowT, number: int, progress: "tqdm[Any]") -> None:
        if self._ranks.is_first:
            self._log(row, number)
            progress.set_postfix(row.headline(), refresh=False)
            progress.update()

    def _report_restored(self, restored: Restored[RowT]) -> None:
        if not self._ranks.is_first:
            return
        logger.info("%s goes on from the checkpoint after step %d", self.title, len(restored.record))
        if restored.origin[RUN_ID] != self.tracker.run_id:  # its record is lost or closed: the curves start here again
            for number, row in enumerate(restored.record):
                self._log(row, number)

    def _log(self, row: RowT, number: int) -> None:
        self.tracker.log_step(row.metrics(), self.first_step + number, series=self.checkpoints.key)

    def _refuse_to_go_on_in_vain(self, record: Sequence[RowT]) -> None:
        recent = record[-self.max_skipped_in_a_row :]
        if len(recent) == self.max_skipped_in_a_row and all(row.skipped for row in recent):
            raise InputError(
                f"{self.title}: the gradients of {len(recent)} steps in a row, up to step {len(record)}, were not "
                "finite numbers, so nothing was learnt from them; a lower learning rate or max_grad_norm may help, "
                "or float32 (model.dtype)"
            )


def _explained(wish: Interrupted, num_steps: int, *, is_saved: bool) -> Interrupted:
    kept = "all kept" if is_saved else "those since the last checkpoint are lost"
    wish.message += f" after {num_steps} steps, {kept}; the same command goes on from there"
    return wish
