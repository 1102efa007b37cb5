"""Where the videos of a foreign data set lie: prefixes rewritten, and never outside the folder given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.exchange.row import RowError


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """How paths in rows become files."""

    root: Path
    """Folder that every video must lie below."""
    rewrites: tuple[tuple[str, str], ...] = ()
    """(old beginning, new beginning); the first that fits a path is applied."""

    def locate(self, name: str) -> Path:
        """The file that a row calls `name`.

        Raises:
            RowError: there is none, or it lies outside the folder.
        """
        for old, new in self.rewrites:
            if name.startswith(old):
                name = new + name.removeprefix(old)
                break
        root = self.root.resolve()
        try:
            path = (root / name).resolve()
        except (OSError, ValueError) as error:
            raise RowError("videos", f"{name!r:.200} is no path: {error}") from error
        if not path.is_relative_to(root):
            raise RowError("videos", f"{name!r:.200} lies outside {str(root)!r}; rewrite its beginning (OLD=NEW)")
        if not path.is_file():
            raise RowError("videos", f"no file {name!r:.200} in {str(root)!r}; a beginning can be rewritten (OLD=NEW)")
        return path


def parse_rewrites(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """From texts like `OLD=NEW`.

    Raises:
        ValueError: one has no equals sign, or nothing before it.
    """
    for text in texts:
        if "=" not in text or text.startswith("="):
            raise ValueError(f"rewrite: got {text!r}, expected OLD=NEW, e.g. /data/frames=frames")
    pairs = [text.split("=", 1) for text in texts]
    return tuple((old, new) for old, new in pairs)
