"""The command line: which steps, how large, how long, and where results go."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from tests.bench.device.keep import Keeper
from tests.bench.device.layers import LEAST_LAYERS, MOST_LAYERS
from tests.bench.device.plan import STEPS, Step
from tests.bench.device.running import Runner

_SECONDS = 540.0
"""A machine lent for ten minutes a command also needs to start and to give back."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line."""
        self.exit(2, f"bench_device: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Run the bench; returns the exit code."""
    told = _parser().parse_args(arguments)
    folder = told.out or Path(os.environ.get("OUT") or tempfile.mkdtemp(prefix="device-bench-"))
    keeper = Keeper(folder)
    keeper.say(f"# Device bench, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n\nResults: {folder}")
    try:
        return Runner(keeper, told.seconds, {"layers": told.layers, "tiny": told.tiny}).run(
            told.steps
        )
    finally:
        keeper.close()


def _parser() -> _Parser:
    parser = _Parser(
        prog="bench_device", description="Measures a training step on this machine's GPU."
    )
    numbers = ",".join(str(step.number) for step in STEPS)
    parser.add_argument(
        "--steps",
        type=_steps,
        default=STEPS,
        help=f"which of {numbers}, with commas (default: all)",
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=_SECONDS, help="for all together (default: %(default)s)"
    )
    parser.add_argument(
        "--layers",
        type=_layers,
        help="of the decoder (default: what the free memory allows, to 36)",
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a small model, as on a machine without a GPU"
    )
    parser.add_argument(
        "--out", type=_folder, help="folder for results (default: $OUT, else a new one)"
    )
    return parser


def _steps(text: str) -> tuple[Step, ...]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in {str(step.number) for step in STEPS}]
    if unknown:
        raise argparse.ArgumentTypeError(f"no step {unknown[0]!r}; there are 1 to {len(STEPS)}")
    return tuple(step for step in STEPS if str(step.number) in wanted)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number of seconds from 1")
    return seconds


def _layers(text: str) -> int:
    if not text.isdecimal() or not LEAST_LAYERS <= int(text) <= MOST_LAYERS:
        raise argparse.ArgumentTypeError(f"{text!r}, expected {LEAST_LAYERS} to {MOST_LAYERS}")
    return int(text)


def _folder(text: str) -> Path:
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no folder to write to: {error.strerror}"
        ) from error
    return path
