"""What a record is: JSON values that the product computes from fixed inputs and a seed, compared
within a tolerance.

A tolerance says how far numbers were seen to differ on one processor with AVX-512 that was told to
be others: two threads; torch without AVX-512 and without AVX2; MKL in its compatible mode and with
SSE 4.2; NumPy and OpenBLAS without AVX2 and FMA, and as on a Haswell. Each tolerance is at least
ten times that, because other processors may do worse.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

STORED = Path(__file__).parent / "stored"
SEEDS = (0, 1)
_MOST_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a number may lie from the stored one: the larger of the two distances."""

    relative: float
    absolute: float
    why: str

    def allows(self, stored: float, now: float) -> bool:
        return stored == now or math.isclose(
            stored, now, rel_tol=self.relative, abs_tol=self.absolute
        )


EXACT = Tolerance(
    relative=0.0, absolute=0.0, why="integers, text and IEEE arithmetic in a fixed order"
)
SUMS = Tolerance(
    relative=1e-9,
    absolute=1e-12,
    why="sums in double precision, in the processor's order; 2e-14 of the number was the most seen",
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One stored file."""

    name: str
    holds: str
    """In one line."""
    compute: Callable[[int, Path], Any]
    """From a seed and an empty folder to dataclasses, mappings, sequences, texts and numbers."""
    tolerance: Tolerance = EXACT

    @property
    def path(self) -> Path:
        return STORED / f"{self.name}.json"

    def now(self, folder: Path) -> dict[str, Any]:
        """What the product computes today."""
        found: dict[str, Any] = {"holds": self.holds, "tolerance": _said(self.tolerance)}
        for seed in SEEDS:
            place = folder / f"{self.name}-{seed}"
            place.mkdir()
            found[f"seed {seed}"] = plain(self.compute(seed, place))
        return found

    def stored(self) -> dict[str, Any]:
        """What it computed when the record was made; nothing if there is none."""
        found: dict[str, Any] = (
            json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        )
        return found

    def differences(self, now: dict[str, Any]) -> list[str]:
        """Each as `place: stored -> now`."""
        return list(_differences(self.stored(), now, self.tolerance, ""))

    def renew(self, now: dict[str, Any]) -> None:
        """Store what differs; a number that lies within the tolerance stays, so that git shows real
        changes alone."""
        kept = _kept(self.stored(), now, self.tolerance)
        self.path.write_text(_text(kept) + "\n", "utf-8")


def shown(differences: list[str]) -> str:
    """Some of them as lines."""
    more = len(differences) - _MOST_SHOWN
    return "\n".join([*differences[:_MOST_SHOWN], *([f"... and {more} more"] if more > 0 else [])])


def plain(value: Any) -> Any:
    """`value` as JSON has it; numbers that are not finite become text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, str) else value  # an enum's text is text


def _said(tolerance: Tolerance) -> str:
    if tolerance == EXACT:
        return f"exact: {tolerance.why}"
    return f"{tolerance.relative:g} of the number or {tolerance.absolute:g}: {tolerance.why}"


def _differences(stored: Any, now: Any, tolerance: Tolerance, place: str) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in {**stored, **now}:
            inner = f"{place}/{name}"
            if name not in now or name not in stored:
                there, word = (stored, "gone") if name in stored else (now, "new")
                yield f"{inner}: {word} ({_short(there[name])})"
            else:
                yield from _differences(stored[name], now[name], tolerance, inner)
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        for index, (one, other) in enumerate(zip(stored, now, strict=True)):
            yield from _differences(one, other, tolerance, f"{place}/{index}")
    elif not _is_same(stored, now, tolerance):
        yield f"{place}: {_short(stored)} -> {_short(now)}"


def _is_same(stored: Any, now: Any, tolerance: Tolerance) -> bool:
    if isinstance(stored, float) and isinstance(now, float):
        return tolerance.allows(stored, now)
    return type(stored) is type(now) and stored == now


def _kept(stored: Any, now: Any, tolerance: Tolerance) -> Any:
    if isinstance(stored, dict) and isinstance(now, dict):
        return {name: _kept(stored.get(name), part, tolerance) for name, part in now.items()}
    if isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        return [_kept(one, other, tolerance) for one, other in zip(stored, now, strict=True)]
    if _is_same(stored, now, tolerance):
        return stored
    return _rounded(now, tolerance)


def _rounded(value: Any, tolerance: Tolerance) -> Any:
    """Digits below the tolerance say nothing."""
    if isinstance(value, dict):
        return {name: _rounded(part, tolerance) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part, tolerance) for part in value]
    if isinstance(value, float) and tolerance.relative:
        return float(f"{value:.{2 - math.floor(math.log10(tolerance.relative))}g}")
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:160]}..."


def _text(value: Any, indent: str = "") -> str:
    """JSON with a line for each entry, and what has no parts of its own parts on one line."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(part, (dict, list)) for part in parts) and len(json.dumps(value)) <= 160:
        return json.dumps(value, ensure_ascii=False)
    if not parts:
        return json.dumps(value, ensure_ascii=False)
    inner = f"{indent} "
    if isinstance(value, dict):
        lines = [
            f"{json.dumps(name, ensure_ascii=False)}: {_text(part, inner)}"
            for name, part in value.items()
        ]
        return "{\n" + ",\n".join(f"{inner}{line}" for line in lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{_text(part, inner)}" for part in value) + f"\n{indent}]"
