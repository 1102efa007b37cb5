"""The anchor: fixed questions that every run is asked, so that scores of different nights can be
compared although held-out sets grow.

It belongs to a model's name: the VIUBench of its first run (the first that ended and held out
enough videos), or a benchmark that the configuration names. What it shows never goes to training,
whatever else becomes of it: `anchors/NAME/*.parquet` keeps its contents, and files are only added
there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.kept import read_json
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Anchor, Artifact, Clip

_FOLDER, _FIRST = "anchors", "first.json"
REMEDY = (
    f"put a copy of it back; if there is none, delete {_FOLDER}/NAME/{_FIRST} below the data root: "
    "the next run makes a new anchor, and scores of earlier nights cannot be compared with its own"
)
"""For whatever belongs to the first run's VIUBench."""


@dataclass(frozen=True, kw_only=True)
class AnchorContent:
    """A video that the anchor shows."""

    sha256: str
    fingerprint: str = ""
    """Empty if nobody looked at its pixels: then only the very file is known."""

    @classmethod
    def of(cls, clip: Clip) -> "AnchorContent":
        """What there is to know of a clip."""
        return cls(sha256=clip.sha256, fingerprint=clip.fingerprint)


def find_anchor(store: Store, model_name: str) -> Anchor | None:
    """The VIUBench of the first run of `model_name`; None before that run has ended.

    Raises:
        InputError: the file that says so is damaged.
    """
    key = f"{_FOLDER}/{model_name}/{_FIRST}"
    return read_json(store, key, Anchor, REMEDY) if store.exists(key) else None


def keep_anchor(store: Store, model_name: str, anchor: Anchor) -> None:
    """From now on this VIUBench is the anchor, unless another run was first, and its clips are
    pinned."""
    clips = read_rows(store, f"{anchor.folder}/clips.parquet", Clip)
    # First, because a clip of an anchor that is not pinned could go to training.
    pin(store, model_name, (AnchorContent.of(clip) for clip in clips))
    text = TypeAdapter(Anchor).dump_json(anchor, indent=1)
    store.create(f"{_FOLDER}/{model_name}/{_FIRST}", text)


def pin(store: Store, model_name: str, contents: Iterable[AnchorContent]) -> Artifact:
    """Keep `contents` out of training from now on."""
    rows = sorted(set(contents), key=lambda row: (row.sha256, row.fingerprint))
    key = f"{_FOLDER}/{model_name}/{digest_of([asdict(row) for row in rows])}.parquet"
    return write_rows(store, key, AnchorContent, rows)


def with_looks(anchors: Sequence[AnchorContent], clips: Iterable[Clip]) -> list[AnchorContent]:
    """`anchors`, and again with their looks those that are among `clips`: a clip that looks like
    one is known then, even if the anchor's own is turned away as its copy."""
    known = {row.sha256 for row in anchors}
    return [*anchors, *(AnchorContent.of(clip) for clip in clips if clip.sha256 in known)]


def pinned(store: Store) -> list[AnchorContent]:
    """The contents of all anchors of a data root, by content.

    Raises:
        InputError: a file that says so is damaged.
    """
    rows = {
        row
        for folder in store.list_keys(_FOLDER)
        for key in store.list_keys(folder)
        if key.endswith(".parquet")
        for row in _read_pins(store, key)
    }
    return sorted(rows, key=lambda row: (row.sha256, row.fingerprint))


def _read_pins(store: Store, key: str) -> list[AnchorContent]:
    try:
        return read_rows(store, key, AnchorContent)
    except InputError as error:  # other anchors' pins are made anew by runs of other models alone
        problem = error.message.partition("; ")[0]
        raise InputError(
            f"{problem}; put a copy of it back; if there is none, delete it and run the model "
            f"{key.split('/')[1]!r} next, which pins its anchor again: until then what that anchor "
            "shows may be trained on"
        ) from error
