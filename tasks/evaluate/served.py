"""Whose answers a server's are. An address and a name say nothing about the weights behind them.

So they belong to the run in which they were given: a finished run's answers are not used again, an interrupted run goes
on with its own. It does so only if the server looks the same as when the run began, by what it says about itself and
by how likely it finds a fixed text. That tells another model and another set-up, and weights that differ much; weights
that differ a little it cannot tell from the last bits that change with what else is computed at that moment.
"""

import json
import logging
from dataclasses import asdict, dataclass
from statistics import fmean

from pydantic import TypeAdapter

from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.store import Store

_SAME_NATS = 0.1
"""Mean distance of log-probabilities by token: a choice, far above the last bits of 16-bit numbers, which change with
what else is in the batch. A false alarm would cost all answers of a run."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model behind a server, as far as the server tells."""

    facts: dict[str, str]
    """Its entry in the list of models and the fingerprint of its replies, without times and what is drawn anew."""
    log_probs: tuple[float, ...] = ()
    """Of the tokens of a fixed text, in nats; empty if the server tells none."""


def looks_same(one: Served, other: Served) -> bool:
    """Whether nothing speaks against both being the same model."""
    if one.facts != other.facts or len(one.log_probs) != len(other.log_probs):
        return False
    distances = [abs(a - b) for a, b in zip(one.log_probs, other.log_probs, strict=True)]
    return not distances or fmean(distances) <= _SAME_NATS


def remember(store: Store, run_id: str, name: str, now: Served) -> str:
    """What the answers of model `name` in this run belong to, as text: it is another one once the server changed."""
    key = f"answers/served/{digest_of(run_id, name)}.json"
    if store.exists(key):
        kept = store.read_bytes(key).decode()
        if looks_same(_read(kept), now):
            logger.warning("%s: the run goes on with the answers it has; the server looks the same as then", name)
            return kept
        logger.warning("%s: the server looks different from when the run began, so all questions are asked anew", name)
    found = json.dumps({"run": run_id, **asdict(now)}, sort_keys=True)
    store.write_bytes(key, found.encode())
    return found


def check_unchanged(name: str, remembered: str, now: Served) -> None:
    """
    Raises:
        InputError: the server serves something else than when the questions were listed.
    """
    if not looks_same(_read(remembered), now):
        raise InputError(
            f"model: what {name} serves has changed while it was asked; run the same command again, and it is asked "
            "everything anew"
        )


def _read(text: str) -> Served:
    return TypeAdapter(Served).validate_json(text)
