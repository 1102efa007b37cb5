"""A small benchmark in the universal layout, with real videos, for tests of evaluation."""

from pathlib import Path

from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.records import BenchmarkFolder
from tests.helpers.files import write_json
from tests.helpers.videos import write_video

OPTIONS = ["a dog", "a cat", "a car"]
SMALL = Conditions(max_frames=8, max_area_px=128 * 128, max_answer_tokens=4)


def make_benchmark(root: Path, *, num_videos: int = 3, num_missing: int = 0) -> BenchmarkFolder:
    """Four questions a video, one of them for an interval; and one question for each missing
    video."""
    (root / "videos").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number in range(num_videos):
        write_video(root / f"videos/v{number}.mp4", num_frames=40 + 10 * number)
        rows += [
            {
                "video": f"v{number}.mp4",
                "question": f"What is it? {i}",
                "options": OPTIONS,
                "answer": "ABC"[i],
                "id": f"{number}-{i}",
                "tags": {"number": str(i)},
            }
            for i in range(3)
        ]
        rows.append(
            {
                "video": f"v{number}.mp4",
                "question": "a thing moves",
                "answer": "0.5-1.5",
                "id": f"{number}-g",
            }
        )
    for number in range(num_missing):
        rows.append(
            {
                "video": f"gone{number}.mp4",
                "question": "What?",
                "options": OPTIONS,
                "answer": "A",
                "id": f"gone-{number}",
            }
        )
    write_json(root / "questions.json", rows)
    return BenchmarkFolder(
        name="universal", folder=str(root), conditions=SMALL, adapter="universal"
    )
