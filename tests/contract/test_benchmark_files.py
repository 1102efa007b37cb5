"""Every benchmark's files: which video a question is about, and what an annotation file may look
like."""

import codecs
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pytest

from tasks.benchmarks.adapter import FolderBenchmark
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.core.errors import InputError
from tasks.core.types import Sample, VideoFile
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.files import write_table

_TEXTS = {".json", ".jsonl", ".txt", ".csv", ".tsv"}


@pytest.fixture(params=list(BENCHMARKS))
def benchmark(request: pytest.FixtureRequest, tmp_path: Path) -> FolderBenchmark:
    root = tmp_path / "benchmark"
    root.mkdir()
    FOLDERS[request.param][0](root)
    return BENCHMARKS[request.param].open(root)


def _files(samples: Sequence[Sample]) -> Iterator[VideoFile]:
    yield from (view.file for sample in samples for view in sample.views if view.file)


def _found(samples: Sequence[Sample]) -> list[tuple[str, ...]]:
    return [file.paths for file in _files(samples)]


def _shown(benchmark: FolderBenchmark) -> set[str]:
    """Every file that a question shows."""
    return {path for paths in _found(list(benchmark.samples())) for path in paths}


def test_a_file_of_the_same_name_in_another_folder_changes_nothing(
    benchmark: FolderBenchmark,
) -> None:
    before = list(benchmark.samples())
    for path in _shown(benchmark):
        _copy(benchmark.root, path, f"elsewhere/{PurePosixPath(path).name}")
        _copy(
            benchmark.root, path, f"a/{PurePosixPath(path).parent.name}x/{PurePosixPath(path).name}"
        )
    assert list(benchmark.samples()) == before


def test_a_file_of_the_same_name_never_stands_in_for_a_missing_one(
    benchmark: FolderBenchmark,
) -> None:
    """One file of each folder in turn."""
    for path in {
        str(PurePosixPath(path).parent): path for path in sorted(_shown(benchmark))
    }.values():
        name, folder = PurePosixPath(path).name, PurePosixPath(path).parent.name or "top"
        moved = benchmark.root.parent / "moved"
        (benchmark.root / path).rename(moved)
        for other in (f"elsewhere/{name}", f"{folder}_old/{name}"):
            _copy(benchmark.root, str(moved), other)
            files = list(_files(list(benchmark.samples())))
            assert not [found for file in files for found in file.paths if found in (path, other)]
            assert any(file.missing for file in files)
            (benchmark.root / other).unlink()
        moved.rename(benchmark.root / path)


def test_where_the_folder_lies_does_not_matter(benchmark: FolderBenchmark) -> None:
    """Archives are often unpacked into a folder of their own. What lies at the top has no folder
    that names it."""
    before = list(benchmark.samples())
    nested = benchmark.root / "unpacked/part1"
    moved = {PurePosixPath(path).parts[0] for path in _shown(benchmark)}
    if (
        any(len(PurePosixPath(path).parts) < 2 for path in _shown(benchmark))
        or benchmark.name == "viubench"
    ):
        pytest.skip("it has videos at the top, or pictures that are named from there")
    nested.mkdir(parents=True)
    for folder in moved:
        (benchmark.root / folder).rename(nested / folder)
    after = list(benchmark.samples())
    assert _found(after) == [
        tuple(f"unpacked/part1/{path}" for path in paths) for paths in _found(before)
    ]


def test_two_files_with_the_whole_name_are_ambiguous_and_both_are_named(
    benchmark: FolderBenchmark,
) -> None:
    if benchmark.name == "viubench":
        pytest.skip("its pictures are found from its own root")
    path = min((path for path in _shown(benchmark) if "/" in path), key=len)
    top = PurePosixPath(path).parts[0]
    shutil.copytree(benchmark.root / top, benchmark.root / f"backup/{top}", ignore=_annotations)
    missing = [
        file.missing
        for file in _files(list(benchmark.samples()))
        if file.missing.startswith("ambiguous")
    ]
    named = str(PurePosixPath(path).parent) if benchmark.name == "mvbench" else path
    assert any(f"'{named}" in reason and f"'backup/{named}" in reason for reason in missing)


def test_links_to_one_file_are_one_video(benchmark: FolderBenchmark) -> None:
    before = list(benchmark.samples())
    (benchmark.root / "backup").symlink_to(".", target_is_directory=True)
    (benchmark.root / "other").mkdir()
    for path in sorted(
        {file.paths[0] for file in _files(before) if file.paths and not file.is_frames}
    ):
        link = benchmark.root / "other" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(benchmark.root / path)
    assert [bool(paths) for paths in _found(list(benchmark.samples()))] == [
        bool(paths) for paths in _found(before)
    ]


def test_a_byte_order_mark_and_other_line_ends_change_nothing(benchmark: FolderBenchmark) -> None:
    before = list(benchmark.samples())
    texts = [path for path in benchmark.root.rglob("*") if path.suffix in _TEXTS]
    for path in texts:
        text = path.read_text("utf-8").replace("\n", "\r\n")
        path.write_bytes(codecs.BOM_UTF8 + text.encode())
    assert list(benchmark.samples()) == before


_ROW = {"colour": "red", "size": 3}
_FORMS: list[tuple[str, str, object]] = [
    ("mvbench", "json/action_sequence.json", [_ROW]),
    ("tempcompass", "questions/multi-choice.json", {"v": {"action": [_ROW]}}),
    ("tempcompass", "multi-choice/test-00000-of-00001.parquet", [_ROW]),
    ("tempcompass_yes_no", "yes_no.json", [_ROW]),
    ("aotbench", "data_files/ReverseFilm.json", [_ROW]),
    ("vinoground", "vinoground_textscore.json", [_ROW]),
    ("videomme", "videomme/test-00000-of-00001.parquet", [_ROW]),
    ("videomme", "Video-MME.tsv", [_ROW]),
    ("lvbench", "video_info.meta.jsonl", [_ROW]),
    ("lvbench", "data/train-00000-of-00001.parquet", [_ROW]),
    ("longvideobench", "lvb_val.json", [_ROW]),
    ("cgbench", "cgbench_mini.json", [_ROW]),
    ("qvhighlights", "highlight_val_release.jsonl", [_ROW]),
    ("activitynet", "val_1.json", {"v": _ROW}),
    ("charades_sta", "data/test-00000-of-00001.parquet", [_ROW]),
    ("tacos", "test.json", {"v": _ROW}),
    ("tacos", "test.jsonl", [_ROW]),
    ("videommmu", "data/perception_video.json", {"Perception": {"0": _ROW}}),
    ("videott", "data/test-00000-of-00001.parquet", [_ROW]),
    ("vcrbench", "data.json", [_ROW]),
    ("cvbench", "CVBench.json", [_ROW]),
]


@pytest.mark.parametrize(
    ("name", "file", "rows"), _FORMS, ids=[f"{name}-{file}" for name, file, _ in _FORMS]
)
def test_a_row_of_other_fields_is_answered_with_the_fields_that_came_and_those_expected(
    tmp_path: Path, name: str, file: str, rows: list[dict[str, object]]
) -> None:
    write_table(tmp_path / file, rows)
    with pytest.raises(InputError, match="it has the fields colour, size, expected ") as caught:
        list(BENCHMARKS[name].open(tmp_path).samples())
    assert str(tmp_path / file) in str(caught.value)
    assert "\n" not in str(caught.value)


def _copy(root: Path, path: str, other: str) -> None:
    (root / other).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / path, root / other)


def _annotations(_: str, names: list[str]) -> set[str]:
    return {name for name in names if PurePosixPath(name).suffix in _TEXTS | {".parquet"}}
