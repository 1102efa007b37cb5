"""Samples, rollouts and replies made up by hand, for tests of scores."""

from collections.abc import Mapping, Sequence

from rewards.answers import AnswerKind
from tasks.core.edits import DrawEdit, SpanEdit
from tasks.core.types import Rollout, Sample, Split, View
from tasks.rollout.answerer import Reply, Sampling, Show

_KINDS = {
    "grounding": AnswerKind.INTERVAL,
    "counting": AnswerKind.COUNTS,
    "jigsaw": AnswerKind.PERMUTATION,
}
_ANSWERS = {"grounding": "2.0-4.0", "counting": "1,0,0", "jigsaw": "213"}
_MIRROR = SpanEdit(kind="mirror", start_frame=4, stop_frame=8)
_CIRCLE = DrawEdit(
    frame=2,
    shape="circle",
    centre_x=0.5,
    centre_y=0.5,
    size=0.3,
    angle_degrees=0.0,
    color=(250, 80, 80),
)


def make_sample(
    sample_id: str,
    *,
    pretext: str = "grounding",
    kind: str = "mirror",
    level: float = 0.5,
    split: Split = Split.HELDOUT,
    clip_id: str = "c",
) -> Sample:
    """A sample on a clip of 16 frames; grounding alters frames 4 to 7, counting frame 2."""
    return Sample(
        sample_id=sample_id,
        split=split,
        pretext=pretext,
        kind=kind,
        level=level,
        views=_views(pretext, clip_id),
        question=f"What about {sample_id}?",
        answer=_ANSWERS[pretext],
        answer_kind=_KINDS[pretext],
        seed=0,
    )


def make_rollout(
    sample_id: str,
    *,
    index: int = 0,
    reward: float = 1.0,
    strict_reward: float = 0.0,
    text: str = "1",
    parsed: bool = True,
    truncated: bool = False,
) -> Rollout:
    return Rollout(
        sample_id=sample_id,
        index=index,
        text=text,
        reward=reward,
        strict_reward=strict_reward,
        parsed=parsed,
        truncated=truncated,
        num_tokens=len(text),
    )


def make_reply(sample_id: str, *texts: str, failure: str = "", truncated: bool = False) -> Reply:
    """What was said to a sample; a text has as many tokens as characters."""
    num_tokens = tuple(map(len, texts))
    return Reply(
        sample_id=sample_id,
        texts=texts,
        num_tokens=num_tokens,
        truncated=(truncated,) * len(texts),
        failure=failure,
    )


class Script:
    """An `Answerer` that says what its script says to a question; `asked` is what it was asked."""

    digest = "script"

    def __init__(self, script: Mapping[str, Sequence[str]], dies_after: int = 10**9) -> None:
        self.script, self.dies_after = script, dies_after
        self.asked: list[str] = []

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        if len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        self.asked += [sample.sample_id for sample in samples]
        return [self._reply(sample) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _reply(self, sample: Sample) -> Reply:
        failure = "" if sample.question in self.script else "no frames"
        return make_reply(sample.sample_id, *self.script.get(sample.question, ()), failure=failure)


def _views(pretext: str, clip_id: str) -> tuple[View, ...]:
    if pretext == "jigsaw":
        return tuple(
            View(clip_id=clip_id, start_frame=start, stop_frame=start + 4) for start in (4, 0, 8)
        )
    edit = _MIRROR if pretext == "grounding" else _CIRCLE
    return (View(clip_id=clip_id, start_frame=0, stop_frame=16, edits=(edit,)),)
