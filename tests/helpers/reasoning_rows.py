"""Rows in the layouts of data sets for reasoning models, with invented content."""

from collections.abc import Mapping


def video_r1(path: str, **changes: object) -> dict[str, object]:
    """As Video-R1-260k.json and SpaceR-151k hold them."""
    row: dict[str, object] = {
        "problem_id": 2,
        "problem": "What does the dog do after it has jumped?",
        "data_type": "video",
        "problem_type": "multiple choice",
        "options": ["A. It barks", "B. It sleeps", "C. It runs"],
        "solution": "<answer>B</answer>",
        "path": f"./{path}",
        "data_source": "LLaVA-Video-178K/30_60_s_youtube_v0_1",
    }
    return row | changes


def long_video_reason(path: str, **changes: object) -> dict[str, object]:
    """As the files of LongVideo-Reason hold them."""
    row: dict[str, object] = {
        "problem_id": 0,
        "problem": "Why is the dog shown first?\nA. It is small.\nB. It is fast.\nC. It is "
        "old.\nD. It is loud.",
        "data_type": "video",
        "problem_type": "goal",
        "reasoning": "The video begins with the dog ...",
        "videos": path,
        "answer": "<answer>D</answer>",
    }
    return row | changes


def rewatch(path: str, **changes: object) -> dict[str, object]:
    """As the data card of ReWatch describes them."""
    row: dict[str, object] = {
        "source": "MiraData",
        "video_path": path,
        "question": "What happens at 00:03?",
        "options": {"A": "The dog jumps", "B": "The dog sleeps"},
        "answer": "A",
    }
    return row | changes


PICTURES: Mapping[str, object] = {"data_type": "image", "path": "./Math/1.png"}
FREE_FORM: Mapping[str, object] = {
    "problem_type": "free-form",
    "options": [],
    "solution": "<answer>a red car</answer>",
}
