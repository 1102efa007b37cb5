"""What an answer is worth: the text against the sample's right answer. The same for a model and for
a guesser."""

from rewards.schema import read_schema, score
from tasks.core.types import Rollout, Sample
from tasks.rollout.answerer import Reply


def rollouts_of(sample: Sample, reply: Reply) -> tuple[Rollout, ...]:
    """The rollouts that a reply holds; none if it failed."""
    said = zip(reply.texts, reply.num_tokens, reply.truncated, strict=True)
    return tuple(
        reward_answer(sample, index, text, num_tokens=num_tokens, truncated=truncated)
        for index, (text, num_tokens, truncated) in enumerate(said)
    )


def reward_answer(
    sample: Sample, index: int, text: str, *, num_tokens: int, truncated: bool = False
) -> Rollout:
    """The rollout of `text`, number `index` in its group."""
    schema = read_schema(sample.answer_kind)
    reward = score(text, sample.answer, schema)
    return Rollout(
        sample_id=sample.sample_id,
        index=index,
        text=text,
        reward=reward.total,
        strict_reward=reward.strict,
        parsed=reward.parsed,
        truncated=truncated,
        num_tokens=num_tokens,
        reward_by_part=dict(reward.parts),
    )
