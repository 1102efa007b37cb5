"""A training run around any loop over steps: curves, checkpoints, a stop and going on after it.

    with run.resumed() as is_resumed:
        for number in run.steps():
            run.end_step(row of that step)

GRPO and the warm start share this; what a step does is theirs.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

from tasks.core.errors import InputError, Interrupted
from tasks.tracking.tracker import Tracker
from tasks.train.checkpoints import Checkpoints, Progress, rng_state
from tasks.train.stop import StopRequest

logger = logging.getLogger(__name__)

RUN_ID = "run_id"
"""Where the origin of a checkpoint names the run in the tracker."""
_MAX_SKIPPED_IN_A_ROW = 5
"""One update that is not finite is noise (of a rare batch, or of bfloat16), five in a row are a
policy that no further step mends."""


@runtime_checkable
class StepRow(Protocol):
    """What the record of any training says about a step."""

    @property
    def skipped(self) -> bool:
        """The update was left out, because its gradient was not finite."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """The step as tracker metrics, grouped by the part before the slash."""
        ...

    def headline(self) -> dict[str, str]:
        """What stands beside the progress bar."""
        ...


RowT = TypeVar("RowT", bound=StepRow)


@dataclass(kw_only=True)
class TrainingRun(Generic[RowT]):
    """`num_steps` steps, each with its number. Every rank makes every call; the first reports."""

    title: str
    num_steps: int
    checkpoints: Checkpoints[RowT]
    checkpoint_every_steps: int
    tracker: Tracker
    first_step: int = 0
    """Where the tracker's curves begin."""
    record: list[RowT] = field(init=False, default_factory=list)
    """One row for each step done."""

    def __post_init__(self) -> None:
        self._ranks = self.checkpoints.engine.ranks
        self._stop = StopRequest()
        self._is_kept = True  # a checkpoint holds all steps done
        self._num_failed = self._num_damaged = 0

    @contextmanager
    def resumed(self) -> Iterator[bool]:
        """Put everything back to the last checkpoint; gives whether there was one.

        Inside, the first SIGTERM or Ctrl-C is a request that `steps` grants.
        """
        with self._stop.listening():
            restored = self.checkpoints.restore()
            self.record, self._num_damaged = restored.record, len(restored.damaged)
            if self.record:
                self._report_restored(restored)
            with tqdm(
                desc=self.title,
                unit="step",
                initial=len(self.record),
                total=self.num_steps,
                disable=not self._ranks.is_first,
            ) as self._progress:
                yield bool(self.record)

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are left, from 0.

        Raises:
            Interrupted: a signal came; what was done is kept in a checkpoint.
        """
        for number in range(len(self.record), self.num_steps):
            try:
                self._stop.check(self._ranks)
            except Interrupted as request:
                self._is_kept = self._is_kept or self.checkpoints.save(self.record, rng_state())
                kept = "all kept" if self._is_kept else "those since the last checkpoint are lost"
                request.message += (
                    f" after {number} steps, {kept}; the same command goes on from there"
                )
                raise
            yield number

    def end_step(self, row: RowT) -> None:
        """Log a step, and write a checkpoint every n steps.

        Raises:
            InputError: too many updates in a row had to be left out.
        """
        self.record.append(row)
        if self._ranks.is_first:
            self._log(row, len(self.record) - 1)
            self._progress.set_postfix(row.headline(), refresh=False)
            self._progress.update()
        self._give_up_if_diverged()
        self._is_kept = False
        # None after the last step: the result is written next.
        if (
            len(self.record) % self.checkpoint_every_steps == 0
            and len(self.record) < self.num_steps
        ):
            self._is_kept = self.checkpoints.save(self.record, rng_state())
            self._num_failed += not self._is_kept

    @property
    def counts(self) -> dict[str, float]:
        """What did not go as it should, for the stage's report."""
        return {
            "steps_skipped": float(sum(row.skipped for row in self.record)),
            "checkpoints_failed": float(self._num_failed),
            "checkpoints_damaged": float(self._num_damaged),
        }

    def _report_restored(self, restored: Progress[RowT]) -> None:
        if not self._ranks.is_first:
            return
        logger.info("%s goes on from the checkpoint after step %d", self.title, len(self.record))
        # Of another run the record is lost or closed, so the curves start here again.
        if restored.origin[RUN_ID] != self.tracker.run_id:
            for number, row in enumerate(self.record):
                self._log(row, number)

    def _log(self, row: RowT, number: int) -> None:
        step, series = self.first_step + number, self.checkpoints.key
        self.tracker.log_step(row.metrics, step, series=series)

    def _give_up_if_diverged(self) -> None:
        recent = self.record[-_MAX_SKIPPED_IN_A_ROW:]
        if len(recent) == _MAX_SKIPPED_IN_A_ROW and all(row.skipped for row in recent):
            raise InputError(
                f"{self.title}: the gradients of {len(recent)} steps in a row, up to step "
                f"{len(self.record)}, were not finite numbers, so nothing was learnt from them; "
                "a lower learning rate or max_grad_norm may help, or float32 (model.dtype)"
            )
