"""The ablation through a real `pyflyte run`: variants side by side, one table."""

import json
from pathlib import Path

import pytest

from tasks.video.generate import generate_clips
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.smoke_run import SMALL, copy_started_run

VARIANTS = ["full", "strict reward", "only grounding"]


@pytest.mark.slow
def test_variants_are_trained_and_scored_on_the_same_items(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    copy_started_run(tmp_path)
    put_empty_database(tmp_path / "root" / "mlflow.db")
    benchmark = {"folder": str(_questions(tmp_path / "ours")), "limit": 2}
    more = {"train": {"num_steps": 2}, "evaluate": {"benchmarks": {"ours": benchmark}}}
    overrides = json.dumps(SMALL | more)
    args = [
        *[
            "run",
            "workflows/ablation.py",
            "ablation",
            "--preset=smoke",
            f"--videos={tmp_path / 'videos'}",
        ],
        *[
            f"--data_root={tmp_path / 'root'}",
            f"--overrides={overrides}",
            f"--variants={VARIANTS}".replace("'", '"'),
        ],
    ]
    done = run_pyflyte(args, env=pyflyte_env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (table,) = (tmp_path / "root").glob("runs/*/ablation.md")
    scores, _, looking = table.read_text().split("\n\n")
    head, _, *rows = scores.splitlines()
    assert [row.split(" | ")[0].removeprefix("| ").strip() for row in rows] == [
        "start model",
        *VARIANTS,
    ]
    assert {len(row.split("|")) for row in rows} == {len(head.split("|"))}
    assert table.read_text() in done.stdout
    assert [cell.strip() for cell in head.split("|")][-5:-3] == ["ours", "against full"]
    assert rows[-1].split("|")[-5].strip().startswith(("0.", "1."))
    head, _, *rows = looking.splitlines()
    assert "blind (grey)" in head
    asked = [tuple(cell.strip() for cell in row.split("|")[1:3]) for row in rows]
    places = ["counting", "grounding", "jigsaw", "VIUBench", "ours"]
    assert asked == [(name, place) for name in VARIANTS for place in places]
    assert not (tmp_path / "root" / "anchors").exists(), "an ablation makes no anchor"


def _questions(folder: Path) -> Path:
    """Six in the universal layout, on three videos."""
    videos = generate_clips(folder / "videos", num_clips=3, seed=7)
    rows = [
        {
            "id": f"q{number}",
            "video": videos[number % 3].name,
            "question": "What moves here?",
            "options": ["a circle", "a square"],
            "answer": "A",
        }
        for number in range(6)
    ]
    (folder / "questions.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.slow
def test_an_unknown_variant_is_refused_by_name(pyflyte_env: dict[str, str], tmp_path: Path) -> None:
    generate_clips(tmp_path / "videos", num_clips=2, seed=0)
    args = [
        "run",
        "workflows/ablation.py",
        "ablation",
        f"--videos={tmp_path / 'videos'}",
        '--variants=["fool"]',
    ]
    done = run_pyflyte([*args, f"--data_root={tmp_path / 'root'}"], env=pyflyte_env)
    assert done.returncode != 0
    assert (
        "unknown variant 'fool'; expected one of: full, strict reward" in done.stdout + done.stderr
    )
