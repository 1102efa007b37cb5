"""Does GRPO itself, apart from the warm start, raise held-out reward and VIUBench by type? The
demo, three seeds."""

import json
from pathlib import Path

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import isolated_env, run_cold_pyflyte

ITEMS_PER_TYPE = 60


def test_demo_gain(tmp_path: Path) -> None:
    generate_clips(tmp_path / "videos", num_clips=40, seed=0)
    env = {**isolated_env(tmp_path), "OMP_NUM_THREADS": "2"}
    print(
        "\n| seed | held-out samples | before | after | gain | VIUBench before | after | gain | "
        "seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    summaries = []
    for seed in range(3):
        # A data root each: no seed meets the champion of another.
        root = tmp_path / f"root-{seed}"
        options = ["--preset=demo", f"--videos={tmp_path / 'videos'}", f"--data_root={root}"]
        overrides = json.dumps(
            {"seed": seed, "perturb": {"viubench_items_per_type": ITEMS_PER_TYPE}}
        )
        done = run_cold_pyflyte(
            ["run", "workflows/retrain.py", "retrain", *options, f"--overrides={overrides}"],
            env=env,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        summaries.append(json.loads((root / "summary.json").read_text()))
        print(_row(seed, summaries[-1]), flush=True)
    print(
        f"\n| VIUBench, {ITEMS_PER_TYPE} items each | "
        + " | ".join(f"seed {s} before | after" for s in range(3))
        + " |"
    )
    print("|---" * 7 + "|")
    for kind in summaries[0]["viubench"]["before"]["by_type"]:
        print(_type_row(kind, summaries))


def _row(seed: int, summary: dict) -> str:  # type: ignore[type-arg]
    cells = [str(seed), str(summary["heldout"]["gain"]["num_items"])]
    for part in ("heldout", "viubench"):
        found = summary[part]
        cells += [_score(found[name]) for name in ("before", "after")]
        gain = found["gain"]
        interval = gain["no_interval"] or f"{gain['low']:+.3f} to {gain['high']:+.3f}"
        cells += [f"{gain['mean']:+.3f} ({interval})"]
    cells += [f"{sum(summary['seconds'].values()):.0f}"]
    return f"| {' | '.join(cells)} |"


def _score(found: dict) -> str:  # type: ignore[type-arg]
    """A mean of which all videos are alike has no error."""
    return f"{found['mean']:.3f}" + ("" if found["no_interval"] else f" ± {found['se']:.3f}")


def _type_row(kind: str, summaries: list[dict]) -> str:  # type: ignore[type-arg]
    found = [
        summary["viubench"][name]["by_type"][kind]
        for summary in summaries
        for name in ("before", "after")
    ]
    return "| " + " | ".join([kind, *map(_score, found)]) + " |"
