"""The special rows of each benchmark, and the layouts of their copies. All questions are
invented."""

import json
from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import LETTER_LINE, Conditions
from tasks.core.errors import InputError
from tasks.core.types import Sample, VideoFile
from tests.helpers import benchmark_folders as folders
from tests.helpers import choice_folders
from tests.helpers.files import touch, write_json, write_parquet


def _samples(name: str, root: Path, conditions: Conditions | None = None) -> list[Sample]:
    return list(BENCHMARKS[name].open(root, conditions).samples())


def _file(sample: Sample) -> VideoFile:
    found = sample.views[0].file
    assert found is not None
    return found


def test_a_choice_is_asked_with_lettered_options_and_the_papers_line(tmp_path: Path) -> None:
    folders.longvideobench(tmp_path)
    first, second = _samples("longvideobench", tmp_path)
    assert (
        first.question
        == f"What appears?\nA. red\nB. blue\nC. green\nD. white\nE. grey\n{LETTER_LINE}"
    )
    assert (first.answer, second.answer) == ("E", "A")
    assert first.benchmark is not None
    assert (first.benchmark.letters, first.benchmark.system_prompt) == ("ABCDE", "")


def test_options_with_letters_of_their_own_get_no_second_ones(tmp_path: Path) -> None:
    folders.videomme(tmp_path)
    sample = _samples("videomme", tmp_path)[0]
    assert sample.question.splitlines()[1:] == [
        "A. One.",
        "B. Two.",
        "C. Three.",
        "D. Four.",
        LETTER_LINE,
    ]
    assert sample.benchmark is not None
    assert sample.benchmark.options == ("One.", "Two.", "Three.", "Four.")


def test_a_users_wording_replaces_ours(tmp_path: Path) -> None:
    folders.videomme(tmp_path)
    wording = Conditions(wording="{question}\nLetter?")
    assert _samples("videomme", tmp_path, wording)[0].question.endswith("\nD. Four.\nLetter?")
    folders.qvhighlights(tmp_path)
    asked = _samples("qvhighlights", tmp_path, Conditions(wording="When: {query} Say a - b."))[
        0
    ].question
    assert asked == "When: A man paints. Say a - b."


def test_videomme_reads_tables_of_literals(tmp_path: Path) -> None:
    head = "videoID\tquestion_id\tquestion\toptions\tanswer\n"
    (tmp_path / "Video-MME.tsv").write_text(f"{head}x\t1\tWhat?\t['A. a', 'B. b']\tB\n")
    assert _samples("videomme", tmp_path)[0].answer == "B"
    (tmp_path / "Video-MME.tsv").write_text(f"{head}x\t1\tWhat?\tA or B\tB\n")
    with pytest.raises(InputError, match=r"Video-MME.tsv, row 0, field 'options': got 'A or B'"):
        _samples("videomme", tmp_path)


def test_longvideobench_leaves_padding_options_out(tmp_path: Path) -> None:
    row = {
        "id": "q",
        "video_path": "x.mp4",
        "question": "?",
        "correct_choice": 1,
        "option0": "a",
        "option1": "b",
        "option2": "c",
        "option3": "N/A",
        "option4": "N/A",
    }
    write_parquet(tmp_path / "data/validation-00000-of-00001.parquet", [row])
    (sample,) = _samples("longvideobench", tmp_path)
    assert sample.benchmark is not None
    assert (sample.answer, sample.benchmark.letters) == ("B", "ABC")


def test_mvbench_bounds_count_for_whole_videos_only(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    by_task = {
        sample.kind: sample
        for sample in _samples("mvbench", tmp_path)
        if sample.sample_id.endswith("-0")
    }
    bounded = _file(by_task["action_sequence"])
    assert (bounded.start_seconds, bounded.stop_seconds) == (1.0, 4.0)
    assert _file(by_task["moving_count"]).start_seconds is None, "its task has no bounds"


def test_mvbench_cut_clips_are_not_cut_again(tmp_path: Path) -> None:
    folders.mvbench(tmp_path / "old")
    tasks = [path.stem for path in (tmp_path / "old/json").iterdir()]
    meta = {
        task: [choice_folders.mvbench_row(0, video="cut.mp4", start=1.0, end=4.0)] for task in tasks
    }
    write_json(tmp_path / "new/test.json", {"root": {}, "meta": meta})
    touch(
        tmp_path / "new",
        "video/star/Charades_segment/cut.mp4",
        "video/tvqa/video_fps3_hq_segment/cut.mp4",
    )
    touch(tmp_path / "new", "video/data0613/ssv2_video_mp4/cut.mp4")
    by_task = {sample.kind: sample for sample in _samples("mvbench", tmp_path / "new")}
    assert len(by_task) == 20
    for task in ("action_prediction", "episodic_reasoning"):
        assert _file(by_task[task]).paths[0].endswith("segment/cut.mp4")
        assert (_file(by_task[task]).start_seconds, _file(by_task[task]).is_frames) == (None, False)
    assert _file(by_task["action_antonym"]).paths == ("video/data0613/ssv2_video_mp4/cut.mp4",)


def test_mvbench_pictures_of_a_part_keep_the_parts_length(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    samples = _samples("mvbench", tmp_path, Conditions(max_frames=4))
    file = _file(next(sample for sample in samples if sample.kind == "episodic_reasoning"))
    # From 1 to 4 s at three pictures a second, numbered from 1: pictures 3 to 12.
    assert [int(Path(path).stem) for path in file.paths] == [3, 6, 9, 12]
    assert file.is_frames
    assert file.fps == pytest.approx(4 / (10 / 3))


def test_mvbench_answer_is_the_first_equal_candidate(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    twice = choice_folders.mvbench_row(candidates=["Same. ", "Same.", "Other."], answer="Same.")
    write_json(tmp_path / "json/moving_count.json", [twice])
    assert next(s for s in _samples("mvbench", tmp_path) if s.kind == "moving_count").answer == "A"
    write_json(
        tmp_path / "json/moving_count.json",
        [twice, choice_folders.mvbench_row(answer="None of them")],
    )
    with pytest.raises(
        InputError, match=r"moving_count.json, row 1, field 'answer': got 'None of them'"
    ):
        _samples("mvbench", tmp_path)


def test_tempcompass_ids_lose_their_endings(tmp_path: Path) -> None:
    folders.tempcompass(tmp_path)
    first, second = _samples("tempcompass", tmp_path)
    assert (first.views[0].clip_id, _file(first).paths) == ("11_concat", ("videos/11_concat.mp4",))
    assert second.views[0].clip_id == choice_folders.MISSING
    assert (first.answer, first.question.count("\n")) == ("B", 4)


def test_tempcompass_caption_may_be_matched_by_line_sentence_label_or_number(
    tmp_path: Path,
) -> None:
    folders.tempcompass(tmp_path)
    benchmark = BENCHMARKS["tempcompass_caption_matching"].open(tmp_path)
    (sample,) = benchmark.samples()
    for text in ("Caption B: A lid rises.", "A lid rises", "Caption B.", "B"):
        assert benchmark.judge(sample, text).paper == 1.0
    assert [benchmark.judge(sample, text).paper for text in ("A", "It rises", "")] == [
        0.0,
        0.0,
        0.0,
    ]
    started = benchmark.judge(sample, "caption b, because it rises")
    assert (started.paper, started.robust) == (0.0, 1.0)


def test_tempcompass_yes_or_no_is_read_from_the_start(tmp_path: Path) -> None:
    folders.tempcompass(tmp_path)
    benchmark = BENCHMARKS["tempcompass_yes_no"].open(tmp_path)
    yes, no = benchmark.samples()
    assert benchmark.judge(yes, "Yes, it is.").paper == 1.0
    assert benchmark.judge(no, "yes").paper == 0.0
    assert not benchmark.judge(no, "It is not.").paper_parsed


def test_aotbench_takes_the_other_name_of_its_last_file(tmp_path: Path) -> None:
    folders.aotbench(tmp_path)
    (tmp_path / "data_files/AoTBench_QA.json").rename(tmp_path / "data_files/valid_data.json")
    assert len(_samples("aotbench", tmp_path)) == 7
    (tmp_path / "data_files/UCF101.json").unlink()
    with pytest.raises(InputError, match=r"expected data_files/UCF101.json"):
        _samples("aotbench", tmp_path)


def test_vinoground_pairs_know_their_categories(tmp_path: Path) -> None:
    folders.vinoground(tmp_path)
    samples = _samples("vinoground", tmp_path)
    facts = {sample.sample_id: sample.benchmark for sample in samples}
    pair = facts["vinoground/text-1_pos"]
    assert pair is not None
    assert (pair.group, pair.tags["major"], pair.tags["minor"]) == (
        "1",
        ("action",),
        ("spatial", "cyclical"),
    )
    other = facts["vinoground/text-2_pos"]
    assert other is not None
    assert "minor" not in other.tags


def test_lvbench_question_counts_in_each_of_its_abilities(tmp_path: Path) -> None:
    folders.lvbench(tmp_path)
    benchmark = BENCHMARKS["lvbench"].open(tmp_path)
    samples = list(benchmark.samples())
    assert samples[0].question.endswith(f"(D) black\n{LETTER_LINE}")
    result = benchmark.aggregate([benchmark.judge(sample, "B") for sample in samples])
    counts = {
        name: (part.num_items, part.score) for name, part in result.breakdown["ability"].items()
    }
    assert counts == {
        "reasoning": (2, 0.5),
        "entity recognition": (1, 1.0),
        "summarization": (1, 0.0),
    }
    assert not any("12:10" in sample.question for sample in samples)


def test_lvbench_mirror_is_flat(tmp_path: Path) -> None:
    rows = [
        {
            "uid": "7",
            "video_path": "k.mp4",
            "question": "What?",
            "options": ["x", "y"],
            "answer": "B",
            "question_type": ["reasoning"],
        }
    ]
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", rows)
    (sample,) = _samples("lvbench", tmp_path)
    assert sample.question == f"What?\nA. x\nB. y\n{LETTER_LINE}"


def test_cgbench_letters_run_to_h(tmp_path: Path) -> None:
    folders.cgbench(tmp_path)
    benchmark = BENCHMARKS["cgbench"].open(tmp_path)
    sample = next(iter(benchmark.samples()))
    for text in ("H", "(H) An egg", '{"result": "H"}', "an egg"):
        assert benchmark.judge(sample, text).robust == 1.0


def test_videommmu_leaves_open_questions_out_and_finds_disciplines(tmp_path: Path) -> None:
    folders.videommmu(tmp_path)
    samples = _samples("videommmu", tmp_path)
    assert [sample.answer for sample in samples] == ["I", "B", "C"]
    tags = [sample.benchmark.tags["discipline"] for sample in samples if sample.benchmark]
    assert tags == [("Art",), ("unknown",), ("Science",)]
    assert "<image 1>" in samples[2].question


def test_videommmu_reads_the_configs_of_the_mirror(tmp_path: Path) -> None:
    folders.videommmu(tmp_path / "json")
    for track in ("Perception", "Comprehension", "Adaptation"):
        rows = json.loads((tmp_path / f"json/data/{track.lower()}_video.json").read_text())[
            track
        ].values()
        listed = [row | {"image 1": None, "options": str(row["options"])} for row in rows]
        write_parquet(tmp_path / f"mirror/{track}/test-00000-of-00001.parquet", listed)
    ids = [
        [sample.sample_id for sample in _samples("videommmu", tmp_path / name)]
        for name in ("json", "mirror")
    ]
    assert ids[0] == ids[1]


def test_videott_appends_options_only_where_the_question_has_none(tmp_path: Path) -> None:
    folders.videott(tmp_path)
    first, second, _ = _samples("videott", tmp_path)
    assert first.question.count("A. a wire") == second.question.count("A. a wire") == 1
    assert "Select." not in first.question
    assert _file(first).paths == ("Benchmark-AllVideos-HQ-encoded/aB_12-Q.MP4",), (
        "the better copy comes first"
    )


def test_vcrbench_orders_count_from_one(tmp_path: Path) -> None:
    folders.vcrbench(tmp_path)
    samples = _samples("vcrbench", tmp_path)
    assert [sample.answer for sample in samples] == ["3142", "213", "123"]
    assert samples[0].question.count("make a latte") == 2
    write_json(
        tmp_path / "data.json",
        [{"qid": "1", "goal": "g", "ground_truth": [1, 2], "video_file": "v.mp4"}],
    )
    with pytest.raises(InputError, match=r"data.json, row 0, field 'ground_truth': got \[1, 2\]"):
        _samples("vcrbench", tmp_path)


def test_cvbench_special_rows(tmp_path: Path) -> None:
    folders.cvbench(tmp_path)
    plain, joined, yes_no, lettered_yes_no = _samples("cvbench", tmp_path)
    assert joined.question.splitlines()[1:5] == ["A. one", "B. two", "C. three", "D. four"]
    assert joined.answer == "D"
    assert yes_no.question == f"How many?\nA. Yes\nB. No\n{LETTER_LINE}"
    assert (yes_no.answer, lettered_yes_no.answer) == ("B", "A")
    assert [len(sample.views) for sample in (plain, joined, yes_no, lettered_yes_no)] == [
        2,
        3,
        2,
        4,
    ]
    assert lettered_yes_no.views[3].file is not None
    assert lettered_yes_no.views[3].file.missing == f"no video '2/{choice_folders.MISSING}.mp4'"
    benchmark = BENCHMARKS["cvbench"].open(tmp_path)
    assert (benchmark.judge(yes_no, "No, never.").robust, benchmark.judge(yes_no, "No").paper) == (
        1.0,
        0.0,
    )


def test_cvbench_repack(tmp_path: Path) -> None:
    rows = [
        {
            "videos": ["a.mp4", "b.mp4"],
            "question": "Which?\nA. x\nB. y",
            "answer": "B",
            "category": "Joint-video Counting",
        }
    ]
    write_json(tmp_path / "all_data.json", rows)
    (sample,) = _samples("cvbench", tmp_path)
    assert sample.benchmark is not None
    assert sample.benchmark.tags["task_group"] == ("Object Association",)
    assert sample.benchmark.options == ("x", "y")
