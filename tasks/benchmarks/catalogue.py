"""All benchmarks by name: the seventeen of the paper, the universal layout, and further tasks of
some."""

from tasks.benchmarks.adapter import Adapter
from tasks.benchmarks.adapters.activitynet import ACTIVITYNET, ACTIVITYNET_VAL_2
from tasks.benchmarks.adapters.aotbench import AOTBENCH, AOTBENCH_QA
from tasks.benchmarks.adapters.cgbench import CGBENCH
from tasks.benchmarks.adapters.charades_sta import CHARADES_STA
from tasks.benchmarks.adapters.cvbench import CVBENCH
from tasks.benchmarks.adapters.longvideobench import LONGVIDEOBENCH
from tasks.benchmarks.adapters.lvbench import LVBENCH
from tasks.benchmarks.adapters.mvbench import MVBENCH
from tasks.benchmarks.adapters.qvhighlights import QVHIGHLIGHTS
from tasks.benchmarks.adapters.tacos import TACOS
from tasks.benchmarks.adapters.tempcompass import (
    TEMPCOMPASS,
    TEMPCOMPASS_CAPTION_MATCHING,
    TEMPCOMPASS_YES_NO,
)
from tasks.benchmarks.adapters.universal import UNIVERSAL
from tasks.benchmarks.adapters.vcrbench import VCRBENCH
from tasks.benchmarks.adapters.videomme import VIDEOMME
from tasks.benchmarks.adapters.videommmu import VIDEOMMMU
from tasks.benchmarks.adapters.videott import VIDEOTT
from tasks.benchmarks.adapters.vinoground import VINOGROUND, VINOGROUND_GROUP
from tasks.benchmarks.adapters.viubench import VIUBENCH

_PAPER = (
    MVBENCH,
    TEMPCOMPASS,
    AOTBENCH,
    VINOGROUND,
    VIDEOMME,
    LVBENCH,
    LONGVIDEOBENCH,
    CGBENCH,
    QVHIGHLIGHTS,
    ACTIVITYNET,
    CHARADES_STA,
    TACOS,
    VIDEOMMMU,
    VIDEOTT,
    VCRBENCH,
    CVBENCH,
    VIUBENCH,
)
_FURTHER = (
    UNIVERSAL,
    TEMPCOMPASS_YES_NO,
    TEMPCOMPASS_CAPTION_MATCHING,
    AOTBENCH_QA,
    VINOGROUND_GROUP,
    ACTIVITYNET_VAL_2,
)

PAPER_BENCHMARKS: tuple[str, ...] = tuple(adapter.name for adapter in _PAPER)
"""In the order of the paper's tables."""
BENCHMARKS: dict[str, Adapter] = {adapter.name: adapter for adapter in (*_PAPER, *_FURTHER)}
"""`BENCHMARKS[name].open(folder)` gives a `protocol.Benchmark`."""
