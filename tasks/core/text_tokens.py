"""How many tokens a question's text is, before anything is tokenized: an estimate for costs."""

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.types import Sample

_BYTES_PER_TOKEN = 4
"""Of UTF-8. In English four letters are a token, in Chinese a sign of three bytes is most of one:
the rule of thumb for vocabularies of more than 100,000 entries, as Qwen's is."""


def text_tokens(sample: Sample) -> int:
    """Of the system prompt and the question; what a template puts around them, and around frames,
    is left out."""
    facts = sample.benchmark
    text = (facts.system_prompt if facts else SYSTEM_PROMPT) + sample.question
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)
