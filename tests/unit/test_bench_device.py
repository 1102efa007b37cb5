"""The device bench where there is no device: what it imports, leaves out and keeps."""

import ast
import json
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import DeviceType
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile

from tasks.core.owner import started
from tests.bench.device import attention, tower
from tests.bench.device.command import main
from tests.bench.device.keep import LINES, RESULTS, Keeper
from tests.bench.device.layers import FULL_SHAPE, MOST_LAYERS, choose_layers
from tests.bench.device.plan import STEPS, Step
from tests.bench.device.running import Runner
from tests.bench.device.setting import Setting, make_setting, takes
from tests.bench.device.training import kernel_times
from tests.helpers.pyflyte import REPO_ROOT

# What comes with torch, torchvision and transformers; jaxtyping has a stand-in.
_LIBRARIES = {"huggingface_hub", "safetensors", "tokenizers", "transformers"}
_THERE = _LIBRARIES | {"PIL", "click", "fsspec", "jaxtyping", "numpy", "torch"}

_CHILD = """
import os, signal, sys, time
from tests.bench.device.child import end_with_parent
from tests.bench.device.report import Report

end_with_parent()
what, report = sys.argv[1], Report(os.fdopen(int(sys.argv[2].partition("=")[2]), "w"))
if not sys.stdin.readline():
    sys.exit()
if what == "facts.tell":
    report.facts({"layers": None, "missing": {"deepspeed": "it is not there"}})
    report.finished()
    sys.exit()
report.table(what, "what", "number")
report.row("pid", os.getpid())
if what == "fails":
    sys.exit("ValueError: the last line")
elif what == "hangs":
    time.sleep(3600)
elif what == "dies":
    os.kill(os.getpid(), signal.SIGSEGV)
elif what == "interrupts":
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(3600)
with report.part("a kernel"):
    raise RuntimeError("no such kernel\\nand more")
report.row("after", 1)
report.finished()
"""

PATIENT = 3600.0
"""A slow machine fails no test."""


def step(number: int, function: str, *, needs: str | None = None, seconds: float = PATIENT) -> Step:
    return Step(
        number=number, title=function, function=function, needs=needs, limit_seconds=seconds
    )


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A process that stands in for the steps: it does what its name says."""
    path = tmp_path / "child.py"
    path.write_text(_CHILD)
    monkeypatch.setenv("PYTHONPATH", str(REPO_ROOT))
    return sys.executable, str(path)


def kept(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LINES).read_text().splitlines()]


def ends(folder: Path) -> dict[int, str]:
    return {line["step"]: line["end"]["how"] for line in kept(folder) if "end" in line}


def test_as_many_layers_as_fit() -> None:
    assert FULL_SHAPE.num_parameters == pytest.approx(8.767e9, rel=1e-3)
    assert choose_layers(149e9) == MOST_LAYERS  # an H200
    assert 24 < choose_layers(84e9) < MOST_LAYERS  # 80 GB
    assert choose_layers(16e9) == 0


def test_the_bench_imports_only_what_is_on_a_bare_machine() -> None:
    modules = {path.stem for path in (REPO_ROOT / "tests/bench/device").glob("*.py")}
    assert _outside({f"tests.bench.device.{name}" for name in modules}) <= _THERE


def test_an_argument_that_would_be_swallowed_is_missing() -> None:
    def swallows(first: int, **others: int) -> None: ...

    assert takes(swallows, "first")
    assert not takes(swallows, "second")


def test_without_a_device_what_needs_one_is_missing_and_the_model_is_small() -> None:
    setting = make_setting({}, layers=None, tiny=False)
    assert setting.shape.num_parameters < 1e7
    assert setting.why_not("cuda") == "no CUDA device"
    assert (
        setting.why_not("varlen", "cuda")
        == "no CUDA device, and varlen attention has no CPU kernel"
    )
    assert setting.why_not("given features") is None


@pytest.mark.slow
def test_steps_that_fail_hang_or_die_do_not_keep_the_next_ones_from_running(
    tmp_path: Path, child: tuple[str, str]
) -> None:
    steps = [
        step(1, "fails"),
        step(2, "hangs", seconds=2),
        step(3, "dies"),
        step(4, "left", needs="deepspeed"),
        step(5, "works"),
    ]
    keeper = Keeper(tmp_path)
    assert Runner(keeper, PATIENT, child=child).run(steps) == 1
    keeper.close()
    found = ends(tmp_path)
    assert found[1] == "failed: exit code 1, last line of the log: ValueError: the last line"
    assert found[2].startswith("failed: ended after 2 s, it was at File ")
    assert found[3].startswith(f'failed: SIGSEGV, it was at File "{tmp_path / "child.py"}"')
    assert found[4] == "left out: it is not there"
    assert found[5] == "done, failed inside: 1"
    text = (tmp_path / RESULTS).read_text()
    assert {line["step"] for line in kept(tmp_path) if "row" in line} >= {1, 3, 5}
    assert "| a kernel | failed: RuntimeError: no such kernel |\n| after | 1 |" in text


@pytest.mark.slow
def test_no_step_begins_without_time(tmp_path: Path, child: tuple[str, str]) -> None:
    keeper = Keeper(tmp_path)
    Runner(keeper, 16.0, child=child).run([step(1, "hangs", seconds=3), step(2, "works")])
    keeper.close()
    assert ends(tmp_path)[2].startswith("left out: ")
    assert ends(tmp_path)[2].endswith("of 16 s are left")


@pytest.mark.slow
def test_an_interrupted_bench_keeps_what_it_has_and_says_what_is_open(
    tmp_path: Path, child: tuple[str, str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    keeper = Keeper(tmp_path)
    code = Runner(keeper, PATIENT, child=child).run(
        [step(1, "works"), step(2, "interrupts"), step(3, "works")]
    )
    keeper.close()
    assert code == 128 + signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before
    assert ends(tmp_path) == {0: "done", 1: "done, failed inside: 1", 2: "interrupted"}
    assert [
        line["step"] for line in kept(tmp_path) if "row" in line and line["row"][0] == "pid"
    ] == [1, 2]
    assert "| 3 | works | not begun | 0 |" in (tmp_path / RESULTS).read_text()


class InterruptedKeeper(Keeper):
    """Ctrl-C comes while the first row is being kept."""

    def keep(self, step: int, kind: str, content: Any) -> None:
        if kind == "row" and step == 1 and content[0] == "pid":
            signal.raise_signal(signal.SIGINT)
        super().keep(step, kind, content)


@pytest.mark.slow
def test_an_interrupt_loses_no_row_that_is_being_kept(
    tmp_path: Path, child: tuple[str, str]
) -> None:
    keeper = InterruptedKeeper(tmp_path)
    code = Runner(keeper, PATIENT, child=child).run([step(1, "hangs"), step(2, "works")])
    keeper.close()
    assert code == 128 + signal.SIGINT
    assert ends(tmp_path) == {0: "done", 1: "interrupted"}
    assert [line["row"][0] for line in kept(tmp_path) if "row" in line and line["step"] == 1] == [
        "pid"
    ]


@pytest.mark.slow
def test_a_killed_bench_keeps_what_it_has_and_takes_its_step_along(
    tmp_path: Path, child: tuple[str, str]
) -> None:
    program = (
        "from pathlib import Path\nfrom tests.bench.device.keep import Keeper\n"
        "from tests.bench.device.plan import Step\nfrom tests.bench.device.running import Runner\n"
        "step = Step(number=1, title='hangs', function='hangs', limit_seconds=3600)\n"
        f"Runner(Keeper(Path({str(tmp_path)!r})), 3600.0, child={child!r}).run([step])"
    )
    bench = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    # The page comes after the line: a kill in between leaves it to the next look.
    while not ((tmp_path / RESULTS).exists() and "| pid |" in (tmp_path / RESULTS).read_text()):
        assert bench.poll() is None
        time.sleep(0.05)
    bench.kill()
    bench.wait()
    [pid] = [int(line["row"][1]) for line in kept(tmp_path) if "row" in line]
    while _is_alive(pid):
        time.sleep(0.05)
    assert "| pid |" in (tmp_path / RESULTS).read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "2,99"], f"argument --steps: no step '99'; there are 1 to {len(STEPS)}"),
        (["--layers", "99"], "argument --layers: '99', expected 4 to 36"),
        (["--seconds", "soon"], "argument --seconds: 'soon', expected a number of seconds from 1"),
        (
            ["--out", "/dev/null/x"],
            "argument --out: '/dev/null/x' is no folder to write to: Not a directory",
        ),
        (["fast"], "unrecognized arguments: fast"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"bench_device: {said}\n"


def varlen_by_loop(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts_q: Tensor,
    starts_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> Tensor:
    """What torch documents of `varlen_attn`, and that causal counts from the bottom right, one
    sequence at a time."""
    assert max_q == starts_q.diff().max()
    assert max_k == starts_k.diff().max()
    parts = []
    for i in range(len(starts_q) - 1):
        rows = [
            t.transpose(0, 1)[:, s[i] : s[i + 1]]
            for t, s in ((query, starts_q), (key, starts_k), (value, starts_k))
        ]
        num_queries, num_keys = rows[0].shape[1], rows[1].shape[1]
        mask = torch.ones(num_queries, num_keys, dtype=torch.bool)
        if window_size == (-1, 0):
            mask = mask.tril(num_keys - num_queries)
        parts.append(
            scaled_dot_product_attention(*rows, attn_mask=mask, scale=scale, enable_gqa=enable_gqa)
        )
    return torch.cat(parts, dim=1).transpose(0, 1)


@pytest.mark.parametrize(("options", "repeats"), [({"enable_gqa": True}, False), ({}, True)])
def test_one_call_over_all_groups_equals_a_call_a_group(
    options: dict[str, Any], repeats: bool, small: Setting
) -> None:
    case = attention.Case.of(small, varlen_by_loop)
    for groups, ways in (
        (case.prompts, attention.Prompts(case)),
        (case.answers, attention.Answers(case)),
    ):
        expected = ways.in_groups(repeats=False)(groups)
        torch.testing.assert_close(
            ways.in_one_call(options, repeats=repeats)(groups), expected, atol=1e-5, rtol=1e-5
        )


def test_the_tower_by_one_call_equals_the_tower_by_many(small: Setting) -> None:
    built = tower.Tower(small, varlen_by_loop)
    many, one = built.run(nullcontext), built.run(nullcontext, tower.VARLEN)
    torch.testing.assert_close(one.output, many.output, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.gradient, many.gradient, atol=1e-6, rtol=1e-3)


def test_kernels_are_counted_by_name() -> None:
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        torch.ones(8, 8) @ torch.ones(8, 8)
    recorded: Any = profiler.profiler
    times, calls = kernel_times(recorded.kineto_results.events(), DeviceType.CPU)
    assert calls["aten::mm"] == 1
    assert 0 < times["aten::mm"] < 1


@pytest.fixture
def small() -> Setting:
    return make_setting({}, layers=None, tiny=True)


def _is_alive(pid: int) -> bool:
    return started(pid) != ""


def _outside(modules: set[str]) -> set[str]:
    """Packages that importing `modules` imports, without ours and Python's."""
    todo, seen, found = list(modules), set(), set[str]()
    while todo:
        name = todo.pop()
        path = REPO_ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if name in seen or not path.exists():
            continue
        seen.add(name)
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            todo += [inner for inner in names if inner.startswith(("rewards", "tasks", "tests"))]
            found |= {inner.partition(".")[0] for inner in names}
    return found - {"rewards", "tasks", "tests"} - sys.stdlib_module_names
