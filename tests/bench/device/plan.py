"""What the bench does, in the order in which it is worth knowing: whoever is interrupted has the
first answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CUDNN_LAST = {"TORCH_CUDNN_SDPA_DEPRIORITIZED": "1"}
"""cuDNN is tried last for attention: torch reads it once a process."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One process of its own."""

    number: int
    title: str
    function: str
    """`module.function` below `tests.bench.device`."""
    limit_seconds: float
    """More than it should need on an H200: what takes longer hangs, and the next steps want their
    time. Without a GPU nothing but the budget counts."""
    needs: str | None = None
    """Without it the whole step is left out: a key of the facts' `missing`."""
    environment: Mapping[str, str] = field(default_factory=dict)


FACTS = Step(number=0, title="What is here", function="facts.tell", limit_seconds=240)

STEPS = (
    Step(
        number=1,
        title="Two models and a share of the optimizer",
        function="start.build",
        limit_seconds=60,
    ),
    Step(
        number=2,
        title="A group in one pass against one plain pass an answer",
        function="exact.compare",
        limit_seconds=60,
    ),
    Step(
        number=3,
        title="Steps with cuDNN first, as torch chooses",
        function="training.cudnn_first",
        limit_seconds=140,
        needs="cuda",
    ),
    Step(
        number=4,
        title="Steps with cuDNN last",
        function="training.cudnn_last",
        limit_seconds=90,
        environment=CUDNN_LAST,
    ),
    Step(
        number=5,
        title="The same with all groups in one row",
        function="training.one_row",
        limit_seconds=70,
        environment=CUDNN_LAST,
    ),
    Step(
        number=6, title="Attention kernel by kernel", function="attention.compare", limit_seconds=75
    ),
    Step(
        number=7,
        title="torch.compile, and less recomputation",
        function="block.compare",
        limit_seconds=100,
        environment=CUDNN_LAST,
    ),
    Step(
        number=8,
        title="Masked attention with low logits",
        function="low_logits.look",
        limit_seconds=40,
    ),
    Step(
        number=9,
        title="DeepSpeed",
        function="zero.update",
        limit_seconds=90,
        needs="deepspeed",
        environment=CUDNN_LAST,
    ),
    Step(
        number=10,
        title="Shared against repeated prefix",
        function="prefix.compare",
        limit_seconds=70,
        environment=CUDNN_LAST,
    ),
)
