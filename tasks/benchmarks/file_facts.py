"""What was found out about files, so that nobody has to read them again."""

import json
from collections.abc import Callable
from typing import Generic, TypeVar

from tasks.core.digest import digest_of
from tasks.core.store import Store

FactT = TypeVar("FactT", str, int)


class FileFacts(Generic[FactT]):
    """One fact about each file or list of files, by a digest of its marks (`BenchmarkFiles.mark`):
    it is found out again when a mark changes."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder
        self._known: dict[str, FactT] = {}
        for key in store.list_keys(folder):
            self._known |= json.loads(store.read_bytes(key))
        self._new: dict[str, FactT] = {}

    def find(self, marks: str, find_out: Callable[[], FactT]) -> FactT:
        """What is known by `marks`, or what `find_out` returns."""
        if marks not in self._known:
            self._known[marks] = self._new[marks] = find_out()
        return self._known[marks]

    def keep(self) -> None:
        """So that the next process knows it too."""
        if self._new:
            text = json.dumps(self._new, sort_keys=True).encode()
            # Named by what is in it, so shards that work at once do not overwrite each other's.
            self._store.write_bytes(f"{self._folder}/{digest_of(sorted(self._new))}.json", text)
            self._new = {}
