"""Folders as the benchmarks' authors lay them out, with invented questions and empty files for
videos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.helpers.choice_folders import (
    AB,
    MISSING,
    aotbench,
    cgbench,
    cvbench,
    longvideobench,
    lvbench,
    mvbench,
    tempcompass,
    videomme,
    videommmu,
    videott,
    vinoground,
)
from tests.helpers.files import touch, write_json, write_lines, write_parquet


def qvhighlights(root: Path) -> None:
    rows = [
        {
            "qid": 1,
            "query": "A man paints.",
            "duration": 150,
            "vid": "Ab1-cd_60.0_210.0",
            "relevant_clip_ids": [5],
            "relevant_windows": [[10, 16]],
        },
        {
            "qid": 2,
            "query": "A dog runs.",
            "duration": 150,
            "vid": "Ab1-cd_60.0_210.0",
            "relevant_windows": [[0, 10], [40, 60], [100, 120]],
        },
        {
            "qid": 3,
            "query": "It rains.",
            "duration": 150,
            "vid": MISSING,
            "relevant_windows": [[2, 4]],
        },
    ]
    write_lines(root / "highlight_val_release.jsonl", rows)
    touch(root, "videos/Ab1-cd_60.0_210.0.mp4")


def activitynet(root: Path) -> None:
    rows = {
        "v_a-1": {
            "duration": 80.0,
            "timestamps": [[0.8, 19.9], [60.0, 90.0], [81.0, 85.0]],
            "sentences": ["A woman ties a rope.", " She walks off. ", "Nothing is left of this."],
        },
        f"v_{MISSING}": {"duration": 9.0, "timestamps": [[1.0, 2.0]], "sentences": ["A cat."]},
    }
    write_json(root / "val_1.json", rows)
    write_json(root / "val_2.json", {"v_a-1": rows["v_a-1"]})
    touch(root, "videos/v_a-1.webm")


def charades_sta(root: Path) -> None:
    lines = [
        "XK3QZ 4.20 11.70##a person opens the fridge.",
        f"{MISSING} 1 2.5##a person sits.",
        "XK3QZ 25.0 39.0##it ends.",
    ]
    (root / "charades_sta_test.txt").write_text("\n".join(lines) + "\n")
    touch(root, "Charades_v1_480/XK3QZ.mp4")


def tacos(root: Path) -> None:
    rows = {
        "s27-d09.avi": {
            "timestamps": [[294, 588], [7700, 8000]],
            "sentences": ["She cuts.", ["Done.", "End."]],
            "fps": 29.4,
            "num_frames": 7800,
        },
        f"{MISSING}.avi": {
            "timestamps": [[10, 20]],
            "sentences": ["He cuts."],
            "fps": 10.0,
            "num_frames": 100,
        },
    }
    write_json(root / "test.json", rows)
    touch(root, "videos/s27-d09-cam-002.avi")


def vcrbench(root: Path) -> None:
    rows = [
        {
            "qid": "1",
            "goal": "make a latte",
            "ground_truth": [2, 0, 3, 1],
            "video_file": "video_1.mp4",
        },
        {
            "qid": "2",
            "goal": "make a latte",
            "ground_truth": [1, 0, 2],
            "video_file": "video_2.mp4",
        },
        {
            "qid": "3",
            "goal": "change a tyre",
            "ground_truth": [0, 1, 2],
            "video_file": f"{MISSING}.mp4",
        },
    ]
    write_json(root / "data.json", rows)
    touch(root, "videos/video_1.mp4", "videos/video_2.mp4")


def viubench_row(
    source: str, truth: str, clips: Sequence[Sequence[str]], **info: object
) -> dict[str, Any]:
    marks = (
        "<video>\n"
        if len(clips) == 1
        else "".join(f"Clip {n}: <video>\n" for n in range(1, len(clips) + 1))
    )
    return {
        "data_source": source,
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"{marks}What is it?"},
        ],
        "videos": [
            {"video": list(clip), "sample_fps": 1.6, "max_pixels": 262144, "min_pixels": 16384}
            for clip in clips
        ],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"video_id": "a1", "sampling_fps": 1.6, "perturbation_type": None, **info},
    }


def viubench(root: Path) -> None:
    frames = [f"/disk/of/author/frames/a1/{n}.jpg" for n in range(48)]
    touch(root, *(f"frames/a1/{n}.jpg" for n in range(48)))
    grounding = [
        viubench_row("grounding", "12.5-18.8", [frames], perturbation_type=kind)
        for kind in ("SwapRedBlueChannel", "Rotate180", "ZoomOut", "Mirror", "Shuffle")
    ]
    jigsaw = [
        viubench_row("shuffled", "341562", [frames[n * 8 : n * 8 + 8] for n in range(6)]),
        viubench_row("shuffled", "34156278", [frames[n * 6 : n * 6 + 6] for n in range(8)]),
    ]
    lost = viubench_row("counting", "1,2,3", [["/disk/of/author/frames/missing/0.jpg"]])
    write_parquet(root / "grounding.parquet", grounding)
    write_parquet(root / "jigsaw.parquet", jigsaw)
    write_parquet(
        root / "counting_easy.parquet", [viubench_row("counting", "3,1,2", [frames]), lost]
    )
    write_parquet(root / "counting_hard.parquet", [viubench_row("counting", "4,1,2", [frames])])


def universal(root: Path) -> None:
    rows: list[dict[str, object]] = [
        {"video": "a", "question": f"Which way?\n{AB}", "answer": "B", "tags": {"topic": "time"}},
        {
            "video": ["a", "b.c"],
            "question": "Same place?",
            "options": ["yes", "no"],
            "answer": "A",
            "id": "pair",
        },
        {"video": "b.c", "question": "A door opens.", "answer": "3.2 - 8"},
        {"video": MISSING, "question": "Which order?", "answer": "2,1,3"},
    ]
    write_json(root / "questions.json", rows)
    touch(root, "a.mp4", "videos/b.c.mkv")


FOLDERS: dict[str, tuple[Callable[[Path], None], int]] = {
    "mvbench": (mvbench, 40),
    "tempcompass": (tempcompass, 2),
    "tempcompass_yes_no": (tempcompass, 2),
    "tempcompass_caption_matching": (tempcompass, 1),
    "aotbench": (aotbench, 7),
    "aotbench_qa": (aotbench, 1),
    "vinoground": (vinoground, 5),
    "vinoground_group": (vinoground, 10),
    "videomme": (videomme, 3),
    "lvbench": (lvbench, 3),
    "longvideobench": (longvideobench, 2),
    "cgbench": (cgbench, 3),
    "qvhighlights": (qvhighlights, 3),
    "activitynet": (activitynet, 3),
    "activitynet_val_2": (activitynet, 2),
    "charades_sta": (charades_sta, 3),
    "tacos": (tacos, 4),
    "videommmu": (videommmu, 3),
    "videott": (videott, 3),
    "vcrbench": (vcrbench, 3),
    "cvbench": (cvbench, 4),
    "viubench": (viubench, 10),
    "universal": (universal, 4),
}
"""Who writes the folder, and how many questions are in it."""
