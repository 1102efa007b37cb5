"""What the doors of evaluate hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


@dataclass(frozen=True)
class Candidate:
    """A policy to score, under the name it has in the comparison."""

    name: str
    policy: Artifact
