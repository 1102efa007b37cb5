"""Folders of benchmarks that are answered by a letter, as their authors lay them out."""

from collections.abc import Sequence
from pathlib import Path

from tasks.benchmarks.adapters.mvbench import _PLACES
from tests.helpers.files import touch, write_json, write_lines, write_parquet

MISSING = "missing"
"""Part of the names of videos that are asked about and not there."""
AB = "A. forwards\nB. backwards"


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
            {"qa_idx": n, "video_name": video, "question": f"Which way?\n{AB}", "ans": "AB"[n % 2]}
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
