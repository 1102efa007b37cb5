"""All benchmarks by name: the seventeen of the paper, the universal layout, and further tasks of some."""

from tasks.evaluate.benchmarks.activitynet import ACTIVITYNET, ACTIVITYNET_VAL_2
from tasks.evaluate.benchmarks.adapter import Adapter
from tasks.evaluate.benchmarks.aotbench import AOTBENCH, AOTBENCH_QA
from tasks.evaluate.benchmarks.cgbench import CGBENCH
from tasks.evaluate.benchmarks.charades_sta import CHARADES_STA
from tasks.evaluate.benchmarks.cvbench import CVBENCH
from tasks.evaluate.benchmarks.longvideobench import LONGVIDEOBENCH
from tasks.evaluate.benchmarks.lvbench import LVBENCH
from tasks.evaluate.benchmarks.mvbench import MVBENCH
from tasks.evaluate.benchmarks.qvhighlights import QVHIGHLIGHTS
from tasks.evaluate.benchmarks.tacos import TACOS
from tasks.evaluate.benchmarks.tempcompass import TEMPCOMPASS, TEMPCOMPASS_CAPTION_MATCHING, TEMPCOMPASS_YES_NO
from tasks.evaluate.benchmarks.universal import UNIVERSAL
from tasks.evaluate.benchmarks.vcrbench import VCRBENCH
from tasks.evaluate.benchmarks.videomme import VIDEOMME
from tasks.evaluate.benchmarks.videommmu import VIDEOMMMU
from tasks.evaluate.benchmarks.videott import VIDEOTT
from tasks.evaluate.benchmarks.vinoground import VINOGROUND, VINOGROUND_GROUP
from tasks.evaluate.benchmarks.viubench import VIUBENCH

_PAPER = (
    MVBENCH, TEMPCOMPASS, AOTBENCH, VINOGROUND, VIDEOMME, LVBENCH, LONGVIDEOBENCH, CGBENCH, QVHIGHLIGHTS, ACTIVITYNET,
    CHARADES_STA, TACOS, VIDEOMMMU, VIDEOTT, VCRBENCH, CVBENCH, VIUBENCH,
)  # fmt: skip
_FURTHER = (
    UNIVERSAL, TEMPCOMPASS_YES_NO, TEMPCOMPASS_CAPTION_MATCHING, AOTBENCH_QA, VINOGROUND_GROUP, ACTIVITYNET_VAL_2,
)  # fmt: skip

PAPER_BENCHMARKS: tuple[str, ...] = tuple(adapter.name for adapter in _PAPER)
"""In the order of the paper's tables."""
BENCHMARKS: dict[str, Adapter] = {adapter.name: adapter for adapter in (*_PAPER, *_FURTHER)}
"""`BENCHMARKS[name].open(folder)` gives a `protocol.Benchmark`."""
