"""Where the videos of a foreign data set lie: prefixes rewritten, never outside the folder
given."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.core.checks import shown
from tasks.core.errors import InputError
from tasks.exchange.row import RowError, short, why


@dataclass(frozen=True, kw_only=True)
class VideoPaths:
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
        # Both with links resolved, because a link inside the folder may lead out of it.
        root = self.root.resolve()
        try:
            name.encode()
            path = (root / name).resolve()
            is_file, is_folder = path.is_file(), path.is_dir()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # RuntimeError: links that lead to each other
            raise RowError("videos", f"{short(name)} is no path: {why(error)}") from error
        if not path.is_relative_to(root):
            raise RowError(
                "videos",
                f"{short(name)} lies outside {str(root)!r}; rewrite its beginning (OLD=NEW)",
            )
        if not is_file:
            kind = "a folder" if is_folder else "no file"
            raise RowError(
                "videos",
                f"{kind} {short(name)} in {str(root)!r}; a beginning can be rewritten (OLD=NEW)",
            )
        return path


def parse_rewrites(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """From texts like `OLD=NEW`.

    Raises:
        InputError: one has no equals sign, nothing before it, or the OLD of another.
    """
    pairs: list[tuple[str, str]] = []
    for text in texts:
        old, sign, new = text.partition("=")
        if not (old and sign) or not text.isprintable():
            raise InputError(
                f"rewrites: got {shown(text)}, expected OLD=NEW, e.g. /data/frames=frames"
            )
        pairs.append((old, new))
    twice = [old for old, number in Counter(old for old, _ in pairs).items() if number > 1]
    if twice:
        raise InputError(
            f"rewrites: {shown(twice[0])} is rewritten twice, and only the first would count; "
            "leave one"
        )
    return tuple(pairs)
