"""What a data set can teach, by a scripted policy: no GPU, no model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewards.answers import AnswerKind
from rewards.schema import read_schema
from tasks.core.config import IngestConfig, ModelConfig, RetrainConfig, RolloutConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import Diagnosis
from tasks.core.reward import RewardKind
from tasks.core.store import Store
from tasks.diagnose.agreement import agreed_answer
from tasks.diagnose.diagnose import diagnose
from tasks.diagnose.judge import RowDiagnosis, RowOutcome
from tasks.exchange.files import subset
from tasks.exchange.import_rows import ImportPlan, import_rows
from tasks.exchange.video_paths import VideoPaths
from tasks.tracking.memory_tracker import MemoryTracker
from tests.helpers.datasets import release_row, write_frames
from tests.helpers.rollouts import Script
from workflows.configure import configure_diagnosis
from workflows.job import open_job

NUM_ROLLOUTS = 4
CONFIG = RetrainConfig(
    ingest=IngestConfig(num_frames=8, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1),
    model=ModelConfig(base="tiny"),
    rollout=RolloutConfig(rollouts_per_prompt=NUM_ROLLOUTS),
)


class Case:
    """A data set on disk, diagnosed with a script."""

    def __init__(self, folder: Path, file: Path, script: Mapping[str, Sequence[str]]) -> None:
        self.store, self.file, self.tracker = Store(str(folder / "root")), file, MemoryTracker()
        plan = ImportPlan(file=file, videos=VideoPaths(root=file.parent), config=CONFIG.ingest)
        self.data = import_rows(self.store, plan)
        self.out = folder / "out"
        self.script = script

    def run(self, reward: RewardKind = RewardKind.SMOOTH) -> tuple[Diagnosis, str]:
        return diagnose(
            self.store,
            self.file,
            self.data,
            Script(self.script),
            CONFIG,
            reward,
            str(self.out),
            self.tracker,
        )

    def read(self, name: str) -> list[dict]:
        return [
            json.loads(line) for line in (self.out / name).read_text("utf-8").split("\n") if line
        ]


QUESTIONS = {
    "easy": ("A", ["A"] * 4),
    "mixed": ("B", ["B", "B", "A", "C"]),
    "label is wrong": ("A", ["D"] * 4),
    "too hard": ("C", ["A", "B", "A", "B"]),
    "misses the format": ("B", ["I think it is B"] * 4),
}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    video = write_frames(tmp_path / "set" / "frames")
    rows = [
        {"video": video, "question": q, "answer": a, "fps": 2} for q, (a, _) in QUESTIONS.items()
    ]
    lines = [json.dumps(row) for row in rows]
    lines.insert(1, "{broken")
    lines.insert(3, json.dumps({"video": "missing.mp4", "question": "?", "answer": "A"}))
    file = tmp_path / "set" / "rows.jsonl"
    file.write_text("\n".join(lines))
    return Case(tmp_path, file, {question: said for question, (_, said) in QUESTIONS.items()})


@pytest.mark.slow
def test_rows_are_counted_by_their_right_answers_and_bad_ones_by_field(case: Case) -> None:
    diagnosis, table = case.run()
    summary = json.loads((case.out / "summary.json").read_text())
    assert summary["rows_by_num_correct"] == [3, 0, 1, 0, 1]
    whole = summary["whole"]
    assert (whole["all_right_share"], whole["mixed_share"], whole["all_wrong_share"]) == (
        0.2,
        0.2,
        0.6,
    )
    assert whole["effective_share"] == 0.2
    assert whole["mean_spread"] == pytest.approx(0.5 / 5)
    assert whole["parsed_share"] == 0.8
    assert (summary["num_in_file"], summary["num_unusable"]) == (7, 2)
    assert summary["unusable_by_reason"] == {"bad layout": 1, "bad videos": 1}
    assert [row["source"] for row in case.read("unusable_rows.jsonl")] == [
        "rows.jsonl, row 1",
        "rows.jsonl, row 3",
    ]
    rows = read_rows(case.store, diagnosis.rows.key, RowDiagnosis)
    assert {row.question: row.outcome for row in rows}["too hard"] is RowOutcome.ALL_WRONG
    assert "likely wrong labels 1: all rollouts agree" in table
    assert "row 4: label 'A', all 4 rollouts say 'D' (elsewhere 0%)" in table
    assert case.tracker.metrics["diagnose/effective_share"][-1][1] == 0.2


@pytest.mark.slow
def test_a_wrong_label_is_named_with_the_agreed_answer(case: Case) -> None:
    case.run()
    (suspect,) = case.read("likely_wrong_labels.jsonl")
    assert (suspect["row"], suspect["label"], suspect["other_answer"]) == (4, "A", "D")
    assert suspect["other_answer_usual_share"] == 0
    report = (case.out / "report.html").read_text()
    assert (
        report.count("data:image/png;base64,") == 3 + 1 + 4
    )  # charts, the suspect, examples of three outcomes
    assert "http" not in report.replace("http-equiv", "")


@pytest.mark.slow
def test_only_rows_that_teach_are_kept_byte_for_byte(case: Case) -> None:
    diagnosis, _ = case.run()
    kept = Path(diagnosis.teaching)
    assert kept == case.out / "rows.teaching.jsonl"
    (line,) = [line for line in case.file.read_text().split("\n") if '"mixed"' in line]
    assert kept.read_text() == line + "\n"


@pytest.mark.slow
def test_the_reward_that_is_asked_for_decides_what_teaches(tmp_path: Path) -> None:
    video = write_frames(tmp_path / "set" / "frames")
    file = tmp_path / "set" / "train.parquet"
    rows = [
        {**release_row(video), "extra_info": {"sampling_fps": 1.6, "note": f"n{i}"}}
        for i in range(3)
    ]
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"huggingface": "kept"})
    pq.write_table(table, file)
    schema = pq.read_schema(file)
    case = Case(
        tmp_path, file, {"When is it turned?": ["1.0-2.0", "1.0-3.0", "0.0-0.5", "1.2-3.0"]}
    )
    smooth, _ = case.run(RewardKind.SMOOTH)
    found = pq.read_table(smooth.teaching)
    assert found.schema.equals(schema, check_metadata=True)
    assert found.to_pylist() == rows
    assert json.loads((case.out / "summary.json").read_text())["by_kind"].keys() == {"grounding"}
    strict, _ = case.run(RewardKind.STRICT)
    assert pq.read_schema(strict.teaching).equals(schema, check_metadata=True)
    assert strict.num_teaching == pq.read_table(strict.teaching).num_rows == 0


@pytest.mark.slow
def test_rows_that_cannot_be_shown_are_counted_and_if_none_can_that_is_an_error(case: Case) -> None:
    del case.script["too hard"]  # type: ignore[attr-defined]
    case.run()
    summary = json.loads((case.out / "summary.json").read_text())
    assert (summary["num_not_shown"], summary["whole"]["num_rows"]) == (1, 4)
    case.script = {}
    store, case.store = case.store, Store(str(case.out.parent / "fresh"))
    for name in ("samples", "clips", "rejected", "origins"):
        key = getattr(case.data, name).key
        case.store.write_bytes(key, store.read_bytes(key))
    with pytest.raises(
        InputError, match=r"none of the 5 rows could be shown to the model, e\.g\. row 0: no frames"
    ):
        case.run()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reward": "soft"}, "reward: got 'soft', expected smooth or strict"),
        ({"rollouts": 1}, "rollouts_per_prompt: got 1, expected at least 2"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_read(
    wrong: dict[str, object], message: str
) -> None:
    right = {
        "preset": "smoke",
        "overrides": "{}",
        "model": "tiny",
        "rollouts": 4,
        "reward": "smooth",
    }
    with pytest.raises(InputError, match=message):
        configure_diagnosis.task_function(**(right | wrong))
    assert configure_diagnosis.task_function(**right).rollout.rollouts_per_prompt == 4


def test_what_was_called_random_is_the_label_prior() -> None:
    given = {
        "preset": "smoke",
        "overrides": "{}",
        "model": "random",
        "rollouts": 4,
        "reward": "smooth",
    }
    assert configure_diagnosis.task_function(**given).model.base == "label-prior"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./nothing", r"model: no folder '\./nothing'; expected the name"),
        ("/", r"model: no config\.json in the folder '/'"),
    ],
)
def test_a_model_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, model: str, message: str
) -> None:
    config = configure_diagnosis.task_function(
        preset="smoke", overrides="{}", model=model, rollouts=4, reward="smooth"
    )
    with pytest.raises(InputError, match=message):
        open_job.task_function(
            name="diagnose",
            given={},
            config=config,
            preset="smoke",
            data_root=f"{tmp_path}/root",
            tracking_uri="",
            lists={},
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "kind", "agreed"),
    [
        (["B", "B"], AnswerKind.CHOICE, "B"),
        (["B", "A"], AnswerKind.CHOICE, None),
        (["B", None], AnswerKind.CHOICE, None),
        (["A red car", "a red car."], AnswerKind.TEXT, "A red car"),
        (["2.0-4.0", "2.0-4.1", "2.1-4.0"], AnswerKind.INTERVAL, "2.0-4.0"),
        (["0.0-8.0", "0.0-10.0", "2.0-10.0"], AnswerKind.INTERVAL, "0.0-10.0"),
        (["2.0-4.0", "2.0-3.0"], AnswerKind.INTERVAL, None),
        (["1,2,3", "1,2,2"], AnswerKind.COUNTS, None),
        (["2.0-4.0; 3", "2.0-4.1; 3"], "when:interval*0.5,many:counts*0.5", "2.0-4.0; 3"),
        (["2.0-4.0; 3", "2.0-4.0; 2"], "when:interval*0.5,many:counts*0.5", None),
    ],
)
def test_answers_agree_if_all_are_the_same(
    answers: list[str | None], kind: str, agreed: str | None
) -> None:
    assert agreed_answer(answers, read_schema(kind)) == agreed


@pytest.mark.slow
def test_a_policy_that_always_says_the_same_accuses_no_label(tmp_path: Path) -> None:
    video = write_frames(tmp_path / "set" / "frames")
    file = tmp_path / "set" / "rows.json"
    rows = [
        {"video": video, "question": f"q{i}", "answer": "ABCD"[i % 4], "fps": 2} for i in range(8)
    ]
    file.write_text(json.dumps(rows))
    case = Case(tmp_path, file, {f"q{i}": ["A"] * 4 for i in range(8)})
    case.run()
    summary = json.loads((case.out / "summary.json").read_text())
    assert (summary["num_likely_wrong"], summary["num_agreed_but_usual"]) == (0, 6)


def test_a_line_may_hold_any_separator_that_json_allows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [
        '{"video": "a", "question": "two\u2028lines", "answer": "A"}',
        "",
        '{"answer": "\x85"}\r',
    ]
    file.write_bytes("\n".join(lines).encode())
    assert subset(file, {0, 2}).decode() == f"{lines[0]}\n{lines[2]}\n"
