"""What a container says of itself that FFmpeg reads over or PyAV does not hand on: encrypted as a
whole, cut off.

Encryption that is said packet by packet is found where packets are read (`tasks.video.probe`).
"""

import re
from pathlib import Path
from typing import Any, cast

import av.logging
from av.container import InputContainer

_ENCRYPTED_TAGS = re.compile(r"Video: .*\((?:encv|drmi) / 0x")
"""Sample entries of mp4 whose codec is not said in clear: ISO/IEC 14496-12, 8.12; FairPlay of
iTunes."""
_ASF_ENCRYPTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
"""Content Encryption Object (Advanced Systems Format, 3.14); its extended kind ends otherwise."""
_ASF_MORE_ENCRYPTION = bytes.fromhex("14e68a292226174cb935dae07ee9289c")
_HEAD_BYTES = 2**20
_TS_SYNC, _TS_SCRAMBLED = 0x47, 0xC0
"""First byte of a packet, and the bits of its fourth (ISO/IEC 13818-1, 2.4.3.2)."""
_TS_SIZES = {188: 0, 192: 4}
"""Bytes of a packet, and of them before its first; the second is that of cameras and discs
(m2ts)."""


def description(container: InputContainer) -> str:
    """FFmpeg's own words on the file, which hold more than PyAV hands on."""
    # av_dump_format says it to the log at level INFO: where that is hidden, the text is empty.
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return cast(str, cast(Any, container).dumps_format())  # Not in PyAV's stubs.
    finally:
        av.logging.set_level(level)


def is_encrypted(container: InputContainer, path: Path) -> bool:
    """Whether the pictures are encrypted by the container's own word."""
    name = container.format.name
    if name not in ("asf", "mpegts"):
        return bool(_ENCRYPTED_TAGS.search(description(container)))
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return (
        _is_scrambled(head)
        if name == "mpegts"
        else _ASF_ENCRYPTION in head or _ASF_MORE_ENCRYPTION in head
    )


def is_cut_off(path: Path, container: InputContainer) -> bool:
    """Whether the file is an mp4 that ends inside one of its outermost boxes."""
    size, at = path.stat().st_size, 0
    if "mov" not in container.format.name.split(","):
        return False
    with path.open("rb") as file:
        # A box begins with its length in 4 bytes and its kind in 4; a length of 1 says that the 8
        # bytes behind those hold it (ISO/IEC 14496-12, 4.2).
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            if length < 8:  # 0 reaches to the end; others are none.
                return False
            at += length
    return at != size


def _is_scrambled(head: bytes) -> bool:
    """Whether most packets of a transport stream are."""
    for size, before in _TS_SIZES.items():
        packets = [
            head[at + before : at + before + 4] for at in range(0, len(head) - size + 1, size)
        ]
        if packets and all(packet[0] == _TS_SYNC for packet in packets):
            # Most, not all: the tables that say what is in a stream stay in clear.
            return 2 * sum(bool(packet[3] & _TS_SCRAMBLED) for packet in packets) > len(packets)
    return False
