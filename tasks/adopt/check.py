"""What a foreign row must be for every later stage to take it: checked before any of its videos is read.

Its pretext task and kind become names of metrics and labels of charts, its texts go through a tokenizer and into
manifests, its times into clips. What is refused here costs one row; there it would end a run.
"""

import math
import posixpath
import re

from tasks.exchange.row import Row, RowError, check_question, check_text, short

_MOST_CHARS = {"answer": 4096, "sample_id": 200, "split": 200, "answer_kind": 4096}
_NAME = re.compile(r"[\w][\w .:/-]{0,99}")
"""As MLflow allows it in a metric's name (`mlflow.utils.validation`), short enough for three in one."""


def check_row(row: Row) -> None:
    """Raises:
    RowError: a text is too long or cannot be written, a name cannot be one, or a number is out of its range.
    """
    check_question(row.question)
    for field, most in _MOST_CHARS.items():
        check_text(field, getattr(row, field), most)
    for field in ("pretext", "kind"):
        name = getattr(row, field)
        if name and not (_NAME.fullmatch(name) and posixpath.normpath(name) == name):
            raise RowError(field, f"got {short(name)}, expected a name of letters, digits, spaces and _ . : / -")
    if not row.sample_id.isprintable():
        raise RowError("sample_id", f"got {short(row.sample_id)}, expected text without control characters")
    if row.level is not None and not 0 <= row.level <= 1:
        raise RowError("level", f"got {row.level}, expected a number from 0 to 1")
    for video in row.videos:
        if not 0 <= video.fps < math.inf:
            raise RowError("fps", f"got {video.fps}, expected a number from 0 on")
        if not all(0 <= second < math.inf for second in video.timestamps_seconds):
            raise RowError("timestamps_seconds", "expected finite numbers from 0 on")
