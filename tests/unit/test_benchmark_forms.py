"""The forms in which one benchmark's annotations go round: the same questions, whichever it is."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Sample, Split, VideoFile
from tasks.perturb.viubench import plan_viubench
from tests.helpers import benchmark_folders as folders
from tests.helpers.clips import make_clip
from tests.helpers.files import touch, write_json, write_parquet, write_tsv


def _samples(name: str, root: Path) -> list[Sample]:
    return list(BENCHMARKS[name].open(root).samples())


def _asked(samples: list[Sample]) -> list[tuple[str, str, str, object]]:
    """Without ids and breakdowns, which not every form has."""
    return [(s.question, s.answer, s.kind, [view.file for view in s.views]) for s in samples]


def _file(sample: Sample) -> VideoFile:
    file = sample.views[0].file
    assert file is not None
    return file


def test_videomme_of_vlmevalkit_asks_what_the_hubs_table_asks(tmp_path: Path) -> None:
    options = ["A. One.", 'B. "Two".', "C. It's three.", "D. Four."]
    rows = [
        {
            "video_id": "001",
            "videoID": name,
            "question_id": f"001-{n}",
            "duration": "short",
            "domain": "Craft",
            "sub_category": "x",
            "task_type": "Counting",
            "question": "How many?\nReally?",
            "options": options,
            "answer": "ABC"[n],
        }
        for n, name in enumerate(["-aB_1", "-aB_1", "gone"])
    ]
    write_parquet(tmp_path / "hub/videomme/test-00000-of-00001.parquet", rows)
    tsv = [
        {
            "index": n,
            "video": row["videoID"],
            "video_path": f"./video/{row['videoID']}.mp4",
            "duration": "short",
            "domain": "Craft",
            "candidates": str(options),
            "sub_category": "x",
            "task_type": "Counting",
            "subtitle_path": "",
            "question": row["question"],
            "answer": row["answer"],
        }
        for n, row in enumerate(rows)
    ]
    write_tsv(tmp_path / "kit/Video-MME.tsv", tsv)
    for root in ("hub", "kit"):
        touch(tmp_path / root, "video/-aB_1.mp4")
    hub, kit = (_samples("videomme", tmp_path / root) for root in ("hub", "kit"))
    assert _asked(hub) == _asked(kit)
    assert kit[0].views[0].file == hub[0].views[0].file != hub[2].views[0].file
    (tmp_path / "kit/Video-MME.tsv").write_bytes(
        b"\xef\xbb\xbf" + (tmp_path / "kit/Video-MME.tsv").read_bytes().replace(b"\n", b"\r\n")
    )
    assert _samples("videomme", tmp_path / "kit") == kit


def test_a_list_of_texts_without_commas_is_refused(tmp_path: Path) -> None:
    """As numpy prints it: Python would read one long text."""
    row = {
        "index": 0,
        "video": "x",
        "candidates": "['A. a' 'B. b'\n 'C. c']",
        "question": "?",
        "answer": "B",
    }
    write_tsv(tmp_path / "Video-MME.tsv", [row])
    with pytest.raises(
        InputError, match=r"field 'options': .*at least 2 texts with commas between"
    ):
        _samples("videomme", tmp_path)


@pytest.mark.parametrize(
    "name", ["tempcompass", "tempcompass_yes_no", "tempcompass_caption_matching"]
)
def test_tempcompass_of_the_hub_asks_what_the_authors_files_ask(tmp_path: Path, name: str) -> None:
    folders.tempcompass(tmp_path / "authors")
    for task in ("multi-choice", "yes_no", "caption_matching"):
        nested = json.loads((tmp_path / f"authors/questions/{task}.json").read_text())
        rows = [
            {"video_id": video.removesuffix(".mp4"), "dim": dim, **row}
            for video, dims in nested.items()
            for dim, found in dims.items()
            for row in found
        ]
        write_parquet(tmp_path / f"hub/{task}/test-00000-of-00001.parquet", rows)
        write_json(tmp_path / f"kit/{task}.json", rows)
    for root in ("hub", "kit"):
        touch(tmp_path / root, "videos/11_concat.mp4")
    asked = [_asked(_samples(name, tmp_path / root)) for root in ("authors", "hub", "kit")]
    assert asked[0] == asked[1] == asked[2]


def test_charades_of_the_hub_asks_what_the_authors_lines_ask(tmp_path: Path) -> None:
    (tmp_path / "authors").mkdir()
    folders.charades_sta(tmp_path / "authors")
    rows = []
    for line in (tmp_path / "authors/charades_sta_test.txt").read_text().splitlines():
        video, start, end = line.split("##")[0].split(" ")
        times = [float(start), float(end)]
        rows.append({"video": f"{video}.mp4", "caption": line.split("##")[1], "timestamp": times})
    write_parquet(tmp_path / "hub/data/test-00000-of-00001.parquet", rows)
    touch(tmp_path / "hub", "Charades_v1_480/XK3QZ.mp4", "Charades_v1/XK3QZ.mp4")
    authors, hub = (_samples("charades_sta", tmp_path / root) for root in ("authors", "hub"))
    assert _asked(authors)[0] == _asked(hub)[0]
    assert [replace(s, views=()) for s in authors] == [replace(s, views=()) for s in hub]


def test_charades_by_video_asks_what_the_authors_lines_ask(tmp_path: Path) -> None:
    (tmp_path / "authors").mkdir()
    folders.charades_sta(tmp_path / "authors")
    rows: dict[str, dict[str, list[object]]] = {}
    for line in (tmp_path / "authors/charades_sta_test.txt").read_text().splitlines():
        video, start, end = line.split("##")[0].split(" ")
        row = rows.setdefault(video, {"timestamps": [], "sentences": []})
        row["timestamps"].append([float(start), float(end)])
        row["sentences"].append(line.split("##")[1])
    write_json(tmp_path / "by_video/charades_test.json", rows)
    touch(tmp_path / "by_video", "Charades_v1_480/XK3QZ.mp4")
    asked = [_asked(_samples("charades_sta", tmp_path / root)) for root in ("authors", "by_video")]
    assert sorted(map(str, asked[0])) == sorted(map(str, asked[1]))
    write_json(
        tmp_path / "by_video/charades_test.json", {"v": {"timestamps": [[1, 2]], "sentences": []}}
    )
    with pytest.raises(InputError, match="0 for 1 timestamps"):
        _samples("charades_sta", tmp_path / "by_video")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("charades_sta_test.txt", "Charades_STA_test.txt"),
        ("charades_sta_test.txt", "annotations/CHARADES_STA_TEST.TXT"),
    ],
)
def test_annotations_in_other_case_are_found_unless_there_are_two(
    tmp_path: Path, name: str, other: str
) -> None:
    folders.charades_sta(tmp_path)
    before = _samples("charades_sta", tmp_path)
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / "charades_sta_test.txt").rename(tmp_path / other)
    assert _samples("charades_sta", tmp_path) == before
    (tmp_path / other).rename(tmp_path / "charades.csv")
    with pytest.raises(InputError, match=r"no annotation file in .*; there is charades.csv$"):
        _samples("charades_sta", tmp_path)


def test_longvideobench_of_vlmevalkit_asks_what_the_authors_file_asks(tmp_path: Path) -> None:
    folders.longvideobench(tmp_path / "authors")
    rows = json.loads((tmp_path / "authors/lvb_val.json").read_text())
    tsv = [
        row | {"video_path": f"./videos/{row['video_path']}", "index": n}
        for n, row in enumerate(rows)
    ]
    write_tsv(tmp_path / "kit/LongVideoBench.tsv", tsv)
    touch(tmp_path / "kit", "videos/zY.mp4")
    authors, kit = (_samples("longvideobench", tmp_path / root) for root in ("authors", "kit"))
    assert [(s.question, s.answer) for s in authors] == [(s.question, s.answer) for s in kit]
    assert authors[0].views[0].file == kit[0].views[0].file


def test_videott_of_vlmevalkit_is_read(tmp_path: Path) -> None:
    row = {
        "index": 0,
        "video": "aB",
        "video_path": "./video/aB.mp4",
        "duration": 9,
        "question": "Why?\nA. x\nB. y",
        "question_prompt": "Select.",
        "capability": "Plot",
        "answer": "B",
    }
    write_tsv(tmp_path / "Video-TT.tsv", [row])
    touch(tmp_path, "video/aB.mp4")
    (sample,) = _samples("videott", tmp_path)
    assert sample.answer == "B"
    assert sample.views[0].file is not None
    assert sample.views[0].file.paths == ("video/aB.mp4",)


def test_a_table_in_parts_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    row = {
        "video_path": "k.mp4",
        "question": "What?\nA. x\nB. y",
        "answer": "B",
        "question_type": ["reasoning"],
    }
    for part in range(2):
        rows = [row | {"uid": f"{part}{n}"} for n in range(2)]
        write_parquet(tmp_path / f"data/train-{part:05d}-of-00002-0a1b.parquet", rows)
    assert [s.sample_id for s in _samples("lvbench", tmp_path)] == [
        f"lvbench/{n}" for n in ("00", "01", "10", "11")
    ]
    (tmp_path / "data/train-00000-of-00002-0a1b.parquet").unlink()
    with pytest.raises(InputError, match=r"1 files like .*00001-of-00002.*, expected 2"):
        _samples("lvbench", tmp_path)


def test_a_packed_file_is_named(tmp_path: Path) -> None:
    folders.charades_sta(tmp_path)
    path = tmp_path / "charades_sta_test.txt"
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed)
    with pytest.raises(InputError, match=r"charades_sta_test.txt is packed \(gzip\); unpack it"):
        _samples("charades_sta", tmp_path)
    path.rename(tmp_path / "charades_sta_test.txt.gz")
    with pytest.raises(
        InputError, match=r"no annotation file in .*; unpack .*charades_sta_test.txt.gz"
    ):
        _samples("charades_sta", tmp_path)


def test_a_file_of_another_data_set_with_the_same_name_and_fields_is_not_taken(
    tmp_path: Path,
) -> None:
    """Grounding data sets share one layout of `test.json`."""
    rows = {"v": {"duration": 9.0, "timestamps": [[1.0, 2.0]], "sentences": ["A cat."]}}
    write_json(tmp_path / "charades/test.json", rows)
    with pytest.raises(
        InputError,
        match=r"expected val_2.json or test.json; if .*charades/test.json is it, give its",
    ):
        _samples("activitynet_val_2", tmp_path)
    assert len(_samples("activitynet_val_2", tmp_path / "charades")) == 1


def test_the_number_of_questions_is_compared_by_what_the_files_hold(tmp_path: Path) -> None:
    row = {"goal": "make tea", "ground_truth": [1, 0], "video_file": "v.mp4"}
    write_json(tmp_path / "data.json", [row | {"qid": n} for n in range(3)])
    part = [
        BENCHMARKS["vcrbench"].open(tmp_path).judge(sample, "1, 2")
        for sample in _samples("vcrbench", tmp_path)
    ]
    whole, cut = (BENCHMARKS["vcrbench"].open(tmp_path, num_available=n) for n in (365, 364))
    assert whole.aggregate(part).warnings == (), "a limit chose three of all"
    assert cut.aggregate(part).warnings == (
        "364 questions in the files, the published ones have 365",
    )


def test_a_viubench_built_here_is_not_compared_with_the_published_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [make_clip(name, split=Split.HELDOUT, side_px=256) for name in "ab"]
    items = plan_viubench(clips, 1, seed=0)
    store = Store(str(tmp_path))
    built = keep_benchmark(store, items, {clip.clip_id: clip for clip in clips}, 1, 0)
    folder = Path(store.path(built.key))
    samples = _samples("viubench", folder)
    opened = BENCHMARKS["viubench"].open(folder, num_available=len(samples))
    answered = [opened.judge(sample, "A") for sample in samples]
    assert samples
    assert opened.aggregate(answered).warnings == ()
    assert "published" not in caplog.text


def test_the_type_of_a_universal_row_is_its_tags_or_how_it_is_answered(tmp_path: Path) -> None:
    folders.universal(tmp_path)
    types = [BENCHMARKS["universal"].type_of(s) for s in _samples("universal", tmp_path)]
    assert types == ["topic time", "choice", "interval", "permutation"]


def test_viubench_types_are_found_out(tmp_path: Path) -> None:
    folders.viubench(tmp_path)
    samples = _samples("viubench", tmp_path)
    assert [sample.kind for sample in samples] == [
        "counting_easy",
        "counting_easy",
        "counting_hard",
        "grounding_channel_swap",
        "grounding_rotate_180",
        "grounding_zoom_out",
        "grounding_mirror",
        "grounding_shuffle",
        "jigsaw_easy",
        "jigsaw_hard",
    ]
    first, jigsaw = _file(samples[0]), samples[8]
    assert (first.paths[47], first.fps, first.is_frames) == ("frames/a1/47.jpg", 1.6, True)
    assert (len(jigsaw.views), jigsaw.question) == (6, "What is it?")
    assert jigsaw.benchmark is not None
    assert (jigsaw.benchmark.video_label, jigsaw.benchmark.system_prompt) == ("Clip", "Be brief.")


def test_viubench_plain_rows_state_their_type(tmp_path: Path) -> None:
    row = {"video": "a1", "question": "When?", "answer": "1.0-2.0", "type": "grounding_mirror"}
    write_json(tmp_path / "rows.json", [row])
    assert _samples("viubench", tmp_path)[0].kind == "grounding_mirror"
    write_json(tmp_path / "rows.json", [row, row | {"type": "blur"}])
    with pytest.raises(
        InputError,
        match=r"rows.json, row 1, field 'type': got 'blur', expected one of counting_easy",
    ):
        _samples("viubench", tmp_path)


def test_universal_layout_tells_answers_apart(tmp_path: Path) -> None:
    folders.universal(tmp_path)
    choice, pair, interval, order = _samples("universal", tmp_path)
    assert [s.answer_kind for s in (choice, pair, interval, order)] == [
        "choice",
        "choice",
        "interval",
        "permutation",
    ]
    assert (interval.answer, order.answer, len(pair.views)) == ("3.2-8.0", "213", 2)
    assert pair.sample_id == "universal/pair"
    (tmp_path / "more.json").write_text("[]")
    with pytest.raises(InputError, match="2 files with questions"):
        _samples("universal", tmp_path)
