"""What every pretext task builds its samples with."""

from rewards.schema import schema_of, write_answer, write_schema
from tasks.core.edits import Edit
from tasks.core.types import Clip, Sample, View


class UnplannableError(ValueError):
    """The clip does not allow this item, e.g. it has too few frames; the planner counts it and goes
    on."""


def build_sample(
    clip: Clip,
    *,
    pretext: str,
    kind: str,
    level: float,
    views: tuple[View, ...],
    question: str,
    answer: object,
) -> Sample:
    """The sample as far as a pretext task knows it; the planner gives it its number and seed.

    `answer` is of any type that `rewards.schema` can reward.
    """
    return Sample(
        sample_id=f"{clip.clip_id}-{pretext}-{kind}",
        split=clip.split,
        pretext=pretext,
        kind=kind,
        level=level,
        views=views,
        question=question,
        answer=write_answer(answer),
        answer_kind=write_schema(schema_of(type(answer))),
        seed=0,
    )


def whole_view(clip: Clip, edits: tuple[Edit, ...]) -> View:
    """The whole clip, edited."""
    return View(
        clip_id=clip.clip_id, start_frame=0, stop_frame=len(clip.timestamps_seconds), edits=edits
    )
