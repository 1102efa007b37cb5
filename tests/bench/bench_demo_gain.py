"""Does the demo's model learn to look, and is it GRPO that teaches it? Three seeds under two
arithmetics on generated clips, and real clips where `VIDEOS` names a folder of them.

Every held-out score stands beside what is scored without looking; what must hold is asked as
`python -m tasks.promote.sees` asks it.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.promote.sees import is_gained, read_sights, sees
from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import isolated_env, run_cold_pyflyte

ERRORS, CLEARLY_GAINED = 3.0, 2
COLUMNS = (
    *("clips", "seed", "arithmetic", "task", "chance", "constant", "grey", "swapped"),
    *("base", "after", "z over constant", "z of the gain", "base's share"),
)
BEST = {"OMP_NUM_THREADS": "2"}
PLAIN = {
    "OMP_NUM_THREADS": "1",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
}
"""Every product and sum in another order, and so other rounding and other answers."""


@dataclass(frozen=True)
class Case:
    """One run of the demo."""

    videos: str
    seed: int
    arithmetic: str
    env: dict[str, str]
    tasks: tuple[str, ...] = ()
    """That must be learned; all where none is named."""
    config: str = ""

    def __str__(self) -> str:
        return f"{Path(self.videos).name} | {self.seed} | {self.arithmetic}"


def test_demo_gain(tmp_path: Path) -> None:
    generate_clips(tmp_path / "generated", num_clips=40, seed=0)
    print(f"\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    failed = []
    for number, case in enumerate(_cases(tmp_path / "generated")):
        root = tmp_path / f"root-{number}"  # no run meets the champion of another
        began = time.monotonic()
        overrides = {"seed": case.seed} | json.loads(case.config or "{}")
        done = run_cold_pyflyte(
            [
                *("run", "workflows/retrain.py", "retrain", "--preset=demo"),
                *(f"--videos={case.videos}", f"--data_root={root}"),
                f"--overrides={json.dumps(overrides)}",
            ],
            env={**isolated_env(tmp_path), **case.env},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        seconds = time.monotonic() - began
        if not _tell(case, root, seconds):
            failed.append(str(case))
    assert not failed, f"not learned or not by GRPO: {failed}"


def _cases(generated: Path) -> Iterator[Case]:
    for seed in range(3):
        for name, env in (("best", BEST), ("plain", PLAIN)):
            yield Case(str(generated), seed, name, env)
    if real := os.environ.get("VIDEOS", ""):
        # Half of them, or too few are held out to decide by.
        config = json.dumps({"ingest": {"heldout_share": 0.5}})
        for name, env in (("best", BEST), ("plain", PLAIN)):
            yield Case(real, 0, name, env, tasks=("grounding", "counting"), config=config)


def _tell(case: Case, root: Path, seconds: float) -> bool:
    """Print a row a task; whether all that must hold does."""
    parts = json.loads((root / "summary.json").read_text())["controls"]["heldout"]["by_part"]
    everything = read_sights(root)
    for one in everything:
        part = parts[one.task]
        cells = [
            *(part["chance"], part["constant"]["mean"]),
            *(part["blind"][name]["mean"] for name in ("grey", "swapped")),
            *(part["before"]["score"]["mean"], part["score"]["mean"]),
        ]
        shown = " | ".join(_number(cell) for cell in cells)
        print(
            f"| {case} | {one.task} | {shown} | {one.over_constant.z:.1f} | {one.gain.z:.1f} | "
            f"{one.share_of_base:.0%} |",
            flush=True,
        )
    print(f"{case}: {seconds:.0f} s", flush=True)
    required = [one for one in everything if one.task in (case.tasks or (one.task,))]
    return all(sees(one, ERRORS) for one in required) and is_gained(
        required, ERRORS, CLEARLY_GAINED
    )


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}"
