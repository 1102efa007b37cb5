"""AoTBench: does a model see which way time runs? (sherryxzh/AoTBench) Five files; the headline is
over all of them.

The paper does not say whether it uses all: the published parts, weighted by size, give its rows of
other models.

Forms that are read: the authors' JSON files, in `data_files/` or at the top. A video's name holds
its folder.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_file, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.core.types import Sample

_QA: Mapping[str, tuple[str, ...]] = {
    "QA": ("data_files/AoTBench_QA.json", "AoTBench_QA.json", "valid_data.json")
}
_ALL: Mapping[str, tuple[str, ...]] = {
    **{
        name: (f"data_files/{name}.json", f"{name}.json")
        for name in ("ReverseFilm", "UCF101", "Rtime_t2v", "Rtime_v2t")
    },
    **_QA,
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    video_name: str
    """With its ending, from the data's root."""
    question: str
    ans: str
    question_type: str = ""


def _loader(
    name: str, files: Mapping[str, tuple[str, ...]]
) -> Callable[[BenchmarkSource], Iterator[Sample]]:
    def load(source: BenchmarkSource) -> Iterator[Sample]:
        for subset, names in files.items():
            for where, row in read_rows_of(find_file(source.root, *names), _Row):
                facts = choice_facts(options_in(row.question), letters="AB")
                yield make_sample(
                    name,
                    f"{subset}-{where.row}",
                    kind=subset,
                    files=[(row.video_name, source.videos.find(row.video_name, ("videos",)))],
                    question=ask_choice(row.question, (), source.conditions),
                    answer=right_letter(where, "ans", row.ans, facts),
                    facts=facts,
                    tags={"subset": subset, "question_type": row.question_type},
                )

    return load


AOTBENCH = Adapter(
    name="aotbench",
    load=_loader("aotbench", _ALL),
    choices=("files: all five, every question counts the same",),
)
AOTBENCH_QA = Adapter(name="aotbench_qa", load=_loader("aotbench_qa", _QA))
