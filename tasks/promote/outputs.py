"""What the promote stage hands to the user."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promotion:
    """The end of a run."""

    promoted: bool
    """Whether the challenger is the champion now."""
    reason: str
    version: str
    """The challenger's version in the model registry, promoted or not."""
    report_key: str
    summary_key: str
