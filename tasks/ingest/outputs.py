"""What the ingest stage hands on."""

from dataclasses import dataclass, field

from tasks.core.types import Artifact


@dataclass(frozen=True)
class VideoShard:
    """Some of the videos of one input."""

    root: str
    """Folder or beginning of a URI below which they must lie."""
    names: list[str]
    """Paths relative to `root`, with forward slashes, or whole URIs."""
    more_roots: list[str] = field(default_factory=list)
    """Where else they may lie: for a list file the configuration's `list_roots`, else nowhere."""
    checksums: list[str] = field(default_factory=list)
    """The SHA-256 that each content must have, in lower-case hex, beside `names`: empty where
    nothing is promised. No list at all if that is so everywhere: what Flyte passes on is kept
    small."""


@dataclass(frozen=True)
class IngestedShard:
    """What became of the files of one shard."""

    clips: Artifact
    """Rows of Clip; may hold the same clip twice, or one that another shard has too."""
    rejected: Artifact
    """Rows of Rejection."""
    contents: Artifact
    """Rows of ReadContent: all that could be read, accepted or not."""
    num_new: int
    num_reused: int
    """Files whose content was ingested before, in an earlier run or under another name."""
    seconds: float
