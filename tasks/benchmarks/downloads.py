"""Videos that a downloader named as it liked: which link a file came from, by what lies beside it.

video2dataset   00000/000000000.mp4 beside 00000/000000000.json, which holds the `url` (its `key` is
                a number of its own); LVBench's authors download so (THUDM/LVBench
                scripts/download.sh, iejMac/video2dataset data_writer.py, FilesSampleWriter)
yt-dlp          NAME.mp4 beside NAME.info.json, which holds the `id` (--write-info-json); or
                `TITLE [ID].mp4`, its default name
youtube-dl      `TITLE-ID.mp4`, its default name
"""

import json
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Ids of YouTube have eleven characters; those of other sites are told from words by brackets.
_TITLE_AND_ID = re.compile(r".*\[([\w-]{6,})\]|.*-([\w-]{11})")

logger = logging.getLogger(__name__)


def download_ids(
    root: Path, stem: PurePosixPath, texts: Collection[PurePosixPath]
) -> Iterator[str]:
    """What the site that a video came from calls it; `stem` is the video below `root` without its
    ending, `texts` are all .json files there.
    """
    found = set()
    for beside in (stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.info.json")):
        if beside in texts:
            found.add(_id_in(root / beside))
    titled = _TITLE_AND_ID.fullmatch(stem.name)
    found.add((titled[1] or titled[2]) if titled else "")
    yield from sorted(found - {""})


def link_id_of(url: str) -> str:
    """`watch?v=ID`, or the last part of a link's path (youtu.be/ID, /shorts/ID, /video/ID/)."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        # Links are anybody's text: `urlsplit` refuses e.g. brackets that are no IPv6 address.
        return ""
    return (parse_qs(parts.query).get("v") or [PurePosixPath(parts.path).name])[0]


def _id_in(path: Path) -> str:
    """Empty if the file says nothing about a whole video."""
    try:
        found: Any = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s, which may say what a video is, cannot be read: %s", path, error)
        return ""
    if (
        not isinstance(found, dict) or "clips" in found
    ):  # video2dataset cut it: this is a part of the video
        return ""
    if path.name.endswith(".info.json"):
        return str(found.get("id") or "")
    url = found.get("url")
    return link_id_of(url) if isinstance(url, str) else ""
