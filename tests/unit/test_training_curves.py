"""The curves of a training, in the report."""

import io
from dataclasses import replace

from PIL import Image

from tasks.core.training import PHASES, TrainStep
from tasks.promote.charts import training_curves

ROW = TrainStep(
    step=0,
    reward_mean=0.5,
    reward_by_pretext={"grounding": 0.5, "words": 0.5},
    spread_share=1.0,
    kl=0.0,
    grad_norm=1.0,
    metrics={f"time/step_{phase}_seconds": 0.0 for phase in PHASES},
)
MEASURED = replace(
    ROW,
    metrics={
        "answers/grounding_most_frequent_share": 0.5,
        "answers/words_most_frequent_share": 0.25,
        # Words have no constant answer.
        "reward_over_constant/grounding": 0.125,
    },
)


def test_whether_answers_vary_stands_below_the_other_curves() -> None:
    assert _height_px([MEASURED] * 3) * 2 == _height_px([ROW] * 3) * 3


def test_a_record_that_knows_it_only_later_on_has_these_curves_too() -> None:
    assert _height_px([ROW, ROW, MEASURED]) == _height_px([MEASURED] * 3)


def _height_px(steps: list[TrainStep]) -> int:
    return Image.open(io.BytesIO(training_curves(steps))).height
