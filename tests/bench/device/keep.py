"""Keeps what steps say as soon as they say it: on the screen, as Markdown and as lines of JSON."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

RESULTS, LINES, LOG = "results.md", "results.jsonl", "log.txt"


class Keeper:
    """Appends to the files of one folder; what was written outlives this process, however it
    ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / LOG
        self._text, self._lines = (folder / RESULTS).open("a"), (folder / LINES).open("a")
        self._num_columns = 0
        """Of the table that rows go into; 0 outside of tables."""

    def say(self, text: str) -> None:
        """Something for people, which ends a table."""
        self._num_columns = 0
        self._show(f"\n{text}")

    def keep(self, step: int, kind: str, content: Any) -> None:
        """One thing that a step said, or that is said of it."""
        _write(self._lines, json.dumps({"step": step, kind: content}))
        if kind == "table":
            columns = content["columns"]
            self.say(f"{content['title']}\n\n{_row(columns)}\n{'|---' * len(columns)}|")
            self._num_columns = len(columns)
        elif kind == "row":
            self._show(_row(content))
        elif kind in ("left out", "failed"):
            self._keep_lack(content["what"], f"{kind}: {content['why']}")
        elif kind == "note":
            self.say(content)

    def close(self) -> None:
        self._text.close()
        self._lines.close()

    def _keep_lack(self, what: str, why: str) -> None:
        """A row where its numbers would have stood, or a line."""
        if self._num_columns:
            self._show(_row([what, why, *[""] * (self._num_columns - 2)]))
        else:
            self.say(f"{what}: {why}")

    def _show(self, text: str) -> None:
        print(text, flush=True)
        _write(self._text, text)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _write(file: TextIO, text: str) -> None:
    file.write(text + "\n")
    file.flush()
    os.fsync(file.fileno())
