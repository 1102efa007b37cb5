"""Folders as the benchmarks' authors lay them out, with invented questions and empty files for
videos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks.benchmarks.adapters.mvbench import _PLACES
from tests.helpers.files import touch, write_json, write_lines, write_parquet

MISSING = "missing"
"""Part of the names of videos that are asked about and not there."""
_AB = "A. forwards\nB. backwards"


def mvbench_row(number: int = 0, **fields: object) -> dict[str, object]:
    options = ["Lifted a lid.", "Waved.", "Sat on a box."]
    return {
        "video": f"v{number}.mp4",
        "question": "What came first?",
        "candidates": options,
        "answer": options[number],
        "accurate_start": 1,
    } | fields


def mvbench(root: Path) -> None:
    for task, place in _PLACES.items():
        rows = [mvbench_row(0, start=1.0, end=4.0), mvbench_row(1, video=f"{MISSING}.mp4")]
        write_json(root / f"json/{task}.json", rows)
        if task != "episodic_reasoning":
            touch(root, f"video/{place.whole}/v0.mp4")
    touch(root, *(f"video/tvqa/frames_fps3_hq/v0.mp4/{number:05d}.jpg" for number in range(1, 31)))


def tempcompass(root: Path) -> None:
    rows = {
        "11_concat.mp4": {
            "order": [
                {
                    "question": "Which is first?\nA. a lid\nB. a lamp\nC. a man",
                    "answer": "B. a lamp",
                }
            ]
        },
        f"{MISSING}.jpg": {
            "speed": [{"question": "How fast?\nA. slow\nB. fast", "answer": "A. slow"}]
        },
    }
    write_json(root / "questions/multi-choice.json", rows)
    yes_no = {
        "11_concat": {
            "action": [
                {"question": "Is a lid lifted?", "answer": "yes"},
                {"question": "Is a lamp lit?", "answer": "no"},
            ]
        }
    }
    write_json(root / "questions/yes_no.json", yes_no)
    matching = "Which fits the video?\nCaption A: A lid falls.\nCaption B: A lid rises."
    write_json(
        root / "questions/caption_matching.json",
        {"11_concat": {"direction": [{"question": matching, "answer": "Caption B: A lid rises."}]}},
    )
    touch(root, "videos/11_concat.mp4")


def aotbench(root: Path) -> None:
    for number, name in enumerate(
        ("ReverseFilm", "UCF101", "Rtime_t2v", "Rtime_v2t", "AoTBench_QA")
    ):
        rows = [
            {"qa_idx": n, "video_name": video, "question": f"Which way?\n{_AB}", "ans": "AB"[n % 2]}
            for n, video in enumerate([f"{name}/c.mp4", f"{name}/{MISSING}.mp4"][: 1 + number % 2])
        ]
        write_json(root / f"data_files/{name}.json", rows)
        touch(root, f"{name}/c.mp4")


def vinoground_row(idx: str, answer: str, folder: str = "vinoground_videos") -> dict[str, str]:
    question = "Which fits?\nA. the dog sees the man\nB. the man sees the dog"
    return {"idx": idx, "video_name": f"{folder}/{idx}.mp4", "question": question, "GT": answer}


def vinoground(root: Path) -> None:
    for score, folder in (("text", "vinoground_videos"), ("video", "vinoground_videos_concated")):
        rows = [
            vinoground_row(f"{n}_{half}", "AB"[half == "neg"], folder)
            for n in range(3)
            for half in ("pos", "neg")
        ]
        rows.pop()  # One half is not there.
        write_json(root / folder / f"vinoground_{score}score.json", rows)
        touch(root, *(row["video_name"] for row in rows[:-1]))
    (root / "vinoground.csv").write_text(
        "index,major,minor\n0,object,\n1,action,spatial;cyclical\n2,viewpoint,\n"
    )


def videomme(root: Path) -> None:
    options = ["A. One.", "B. Two.", "C. Three.", "D. Four."]
    rows = [
        {
            "video_id": "012",
            "duration": duration,
            "domain": "Craft",
            "videoID": name,
            "question_id": f"012-{n}",
            "task_type": "Counting",
            "question": "How many?",
            "options": options,
            "answer": answer,
        }
        for n, (duration, name, answer) in enumerate(
            [("short", "-aB_1", "C"), ("long", "_x-2", "A"), ("long", MISSING, "B")]
        )
    ]
    write_parquet(root / "videomme/test-00000-of-00001.parquet", rows)
    touch(root, "data/-aB_1.MP4", "data/_x-2.mkv")


def lvbench(root: Path) -> None:
    def asked(uid: str, answer: str, *kinds: str) -> dict[str, object]:
        question = "What colour?\n(A) red\n(B) blue\n(C) green\n(D) black"
        return {"uid": uid, "question": question, "answer": answer, "question_type": list(kinds),
                "time_reference": "12:10-12:40"}  # fmt: skip

    rows = [
        {"key": "aB-1", "type": "sport", "qa": [asked("1", "B", "reasoning", "entity recognition"),
                                                asked("2", "D", "reasoning")]},
        {"key": MISSING, "type": "live", "qa": [asked("3", "A", "summarization")]},
    ]  # fmt: skip
    write_lines(root / "video_info.meta.jsonl", rows)
    touch(root, "all_videos/aB-1.mp4")


def longvideobench(root: Path) -> None:
    rows = [
        {
            "video_id": "@user-z",
            "video_path": video,
            "question": "What appears?",
            "candidates": options,
            "correct_choice": right,
            "id": f"q{n}",
            "duration_group": group,
            "question_category": "S2E",
            "level": "L1",
        }
        for n, (video, options, right, group) in enumerate(
            [
                ("zY.mp4", ["red", "blue", "green", "white", "grey"], 4, 15),
                (f"{MISSING}.mp4", ["red", "blue"], 0, 3600),
            ]
        )
    ]
    write_json(root / "lvb_val.json", rows)
    touch(root, "videos/zY.mp4")


def cgbench(root: Path) -> None:
    options = ["A cup", "A pen", "A lamp", "A fan", "A book", "A key", "A box", "An egg"]
    rows = [
        {
            "qid": n,
            "video_uid": video,
            "question": "What is it?",
            "answer": options["ABCDEFGH".index(letter)],
            "choices": options[:count],
            "right_answer": letter,
            "clue_intervals": [[8, 9]],
            "domain": "Home",
            "sub_category": "Entity Perception",
            "duration": 1954,
        }
        for n, (video, letter, count) in enumerate(
            [("BV1", "H", 8), ("BV1", "C", 5), (MISSING, "F", 7)]
        )
    ]
    write_json(root / "cgbench_mini.json", rows)
    touch(root, "cg_videos_720p/BV1.mp4")


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


def videommmu(root: Path) -> None:
    many = [f"term {n}" for n in range(10)]
    rows: dict[str, dict[str, dict[str, object]]] = {
        "Perception": {
            "0": {
                "id": "dev_Art_Theory_3",
                "question": "Which is named?",
                "options": many,
                "answer": "I",
            }
        },
        "Comprehension": {
            "0": {
                "id": f"dev_{MISSING}_4",
                "question": "Which?",
                "options": ["x", "y"],
                "answer": "B",
            }
        },
        "Adaptation": {
            "0": {
                "id": "validation_Chemistry_7",
                "question": "<image 1> Which forms?",
                "options": ["a", "b", "c", "d"],
                "answer": "C",
                "question_type": "multiple-choice",
            },
            "1": {
                "id": "validation_Math_2",
                "question": "<image 1> How much?",
                "options": [],
                "answer": "2.5",
                "question_type": "open",
            },
        },
    }
    for track, questions in rows.items():
        write_json(root / f"data/{track.lower()}_video.json", {track: questions})
    touch(root, "Art/dev_Art_Theory_3.mp4", "Science/validation_Chemistry_7.mp4")


def videott(root: Path) -> None:
    lines = "A. a wire\nB. a magnet\nC. editing\nD. a fan"
    rows = [
        {
            "video_id": "aB_12-Q",
            "duration": "34",
            "question": f"Why?\n{lines}",
            "question_prompt": "Select.",
            "answer": "C",
            "capability": "Causality",
            "options": lines,
        },
        {
            "video_id": "cD",
            "duration": "9",
            "question": "Why?",
            "answer": "B",
            "capability": "Plot",
            "options": lines,
        },
        {
            "video_id": MISSING,
            "duration": "9",
            "question": f"Why?\n{lines}",
            "question_prompt": "",
            "answer": "A",
            "capability": "Plot",
            "options": None,
        },
    ]
    write_parquet(root / "data/test-00000-of-00001.parquet", rows)
    touch(root, "Benchmark-AllVideos-HQ-encoded/aB_12-Q.MP4", "Benchmark-AllVideos-LQ/aB_12-Q.mp4")
    touch(root, "Benchmark-AllVideos-LQ/cD.mp4")


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


def cvbench_row(
    number: int, options: list[str], answer: str, videos: Sequence[str], **fields: object
) -> dict[str, object]:
    named = {f"video_{place}": None for place in range(1, 5)} | {
        f"video_{n}": v for n, v in enumerate(videos, 1)
    }
    return {
        "id": number,
        "task_type": "Joint-video Counting",
        "question": "How many?",
        "options": options,
        "answer": answer,
        **named,
    } | fields


def cvbench(root: Path) -> None:
    four = ["A. one", "B. two", "C. three", "D. four"]
    rows = [
        cvbench_row(1, four, "B", ["1/a.mp4", "1/b.mp4"]),
        cvbench_row(2, [", ".join(four)], "D", ["1/a.mp4", "1/b.mp4", "2/c.mp4"]),
        cvbench_row(
            3,
            ["Yes. ", "No. "],
            "No",
            ["1/a.mp4", "1/b.mp4"],
            task_type="Cross-video Event Retrieval",
        ),
        cvbench_row(
            4, ["A. Yes.", "B. No."], "A", ["1/a.mp4", "1/b.mp4", "2/c.mp4", f"2/{MISSING}.mp4"]
        ),
    ]
    write_json(root / "CVBench.json", rows)
    touch(root, "1/a.mp4", "1/b.mp4", "2/c.mp4")


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
        {"video": "a", "question": f"Which way?\n{_AB}", "answer": "B", "tags": {"topic": "time"}},
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
