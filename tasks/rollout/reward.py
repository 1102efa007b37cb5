"""What an answer is worth: the text against the sample's right answer. The same for a model and for a guesser."""

from rewards.parse import parse_answer
from rewards.verify import verify, verify_strict
from tasks.core.types import Rollout, Sample


def reward_answer(sample: Sample, index: int, text: str, *, num_tokens: int, truncated: bool = False) -> Rollout:
    """The rollout of `text`, number `index` in its group."""
    truth = parse_answer(sample.answer, sample.answer_kind)
    assert truth is not None, f"sample {sample.sample_id} has the unreadable answer {sample.answer!r}"
    predicted = parse_answer(text, sample.answer_kind)
    return Rollout(
        sample_id=sample.sample_id,
        index=index,
        text=text,
        reward=verify(predicted, truth),
        strict_reward=verify_strict(predicted, truth),
        parsed=predicted is not None,
        truncated=truncated,
        num_tokens=num_tokens,
    )
