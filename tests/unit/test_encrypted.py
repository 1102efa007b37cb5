"""Videos that cannot be read because they are encrypted, told from those that are damaged."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tasks.video.decode import decode_video
from tasks.video.errors import Problem, VideoError
from tests.helpers.videos import write_pattern
from tests.property.test_orientation import CHOICE

pytestmark = pytest.mark.slow

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv444p")
ENCRYPTION = (
    "-encryption_scheme",
    "cenc-aes-ctr",
    "-encryption_key",
    "76a6c65c5ea762046bd749a2e632ccbb",
)
KEY_ID = ("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")


@pytest.mark.parametrize(
    "options",
    [
        X264,
        (*X264, "-movflags", "frag_keyframe+empty_moov"),
        ("-c:v", "libx265", "-x265-params", "log-level=error"),
        ("-c:v", "libvpx-vp9", "-cpu-used", "8"),
        ("-c:v", "mpeg4"),
    ],
    ids=["h264", "fragments", "hevc", "vp9", "mpeg4"],
)
def test_an_encrypted_video_is_told_from_a_damaged_one(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    write_pattern(tmp_path / "a.mp4", *options, *ENCRYPTION, *KEY_ID)
    with pytest.raises(VideoError) as caught:
        decode_video(tmp_path / "a.mp4", CHOICE)
    assert caught.value.problem is Problem.ENCRYPTED


def test_an_encrypted_webm_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    # The muxer's ids are random otherwise, and `with_element` may take a byte of their checksum for
    # an element's name.
    path = write_pattern(tmp_path / "a.mkv", *X264, "-fflags", "+bitexact")
    # ContentEncodings (RFC 9559, 5.1.4.1.31) of all frames, by AES, with a key of that name.
    algorithm = element("47E1", b"\5") + element("47E2", b"0123456789abcdef")
    scope = element("5031", b"\0") + element("5032", b"\1") + element("5033", b"\1")
    encodings = element("6D80", element("6240", scope + element("5035", algorithm)))
    path.write_bytes(with_element(path.read_bytes(), encodings, "18538067", "1654AE6B", "AE"))
    with pytest.raises(VideoError) as caught:
        decode_video(path, CHOICE)
    assert caught.value.problem is Problem.ENCRYPTED


@pytest.mark.parametrize("entry", [b"encv", b"drmi"])
def test_an_mp4_whose_codec_is_hidden_is_encrypted(tmp_path: Path, entry: bytes) -> None:
    path = write_pattern(tmp_path / "a.mp4", *X264)
    path.write_bytes(path.read_bytes().replace(b"avc1", entry))
    assert problem_of(path) is Problem.ENCRYPTED


def test_a_scrambled_broadcast_is_encrypted(tmp_path: Path) -> None:
    data = bytearray(write_pattern(tmp_path / "a.ts", *X264).read_bytes())
    for at in range(0, len(data), 188):
        if int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF == 0x100:  # FFmpeg's first stream
            data[at + 3] |= 0xC0
            payload = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
            data[payload : at + 188] = np.random.default_rng(at).bytes(at + 188 - payload)
    (tmp_path / "a.ts").write_bytes(data)
    assert problem_of(tmp_path / "a.ts") is Problem.ENCRYPTED


def test_an_encrypted_asf_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    data = bytearray(write_pattern(tmp_path / "a.wmv", "-c:v", "wmv2").read_bytes())
    words = b"".join(
        struct.pack("<I", len(word)) + word for word in (b"data", b"DRM\0", b"key\0", b"http://\0")
    )
    encryption = (
        bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
        + struct.pack("<Q", 24 + len(words))
        + words
    )
    size, number = struct.unpack_from("<QI", data, 16)
    struct.pack_into("<QI", data, 16, size + len(encryption), number + 1)
    data[30:30] = encryption
    (tmp_path / "a.wmv").write_bytes(data)
    assert problem_of(tmp_path / "a.wmv") is Problem.ENCRYPTED


def test_a_file_that_ends_inside_its_index_is_incomplete(tmp_path: Path) -> None:
    """At every place: FFmpeg opens some of them, and finds streams that are none."""
    data = write_pattern(
        tmp_path / "whole.mp4", "-c:v", "libx265", "-x265-params", "log-level=error"
    ).read_bytes()
    start, path = data.index(b"moov") - 4, tmp_path / "a.mp4"
    for end in range(start + 8, data.index(b"stts"), 16):
        path.write_bytes(data[:end])
        assert problem_of(path) is Problem.INCOMPLETE_FILE, end


def problem_of(path: Path) -> Problem | None:
    try:
        decode_video(path, CHOICE)
    except VideoError as error:
        return error.problem
    return None


def element(name: str, payload: bytes) -> bytes:
    return bytes.fromhex(name) + bytes([0x80 | len(payload)]) + payload


def with_element(data: bytes, more: bytes, *parents: str) -> bytes:
    """A Matroska file with one more element at the end of the one that `parents` lead to."""
    changed, start, end = bytearray(data), 0, 0
    for name in parents:
        # The names stand in the table of contents too, where no size of this kind follows.
        while True:
            start = changed.index(bytes.fromhex(name), start) + len(name) // 2
            length = 9 - changed[start].bit_length()
            size = int.from_bytes(changed[start : start + length], "big") & ((1 << 7 * length) - 1)
            if name != "1654AE6B" or changed[start + length] in (0xAE, 0xBF):
                break
        end = start + length + size
        changed[start : start + length] = ((1 << 7 * length) | size + len(more)).to_bytes(
            length, "big"
        )
        start += length
    changed[end:end] = more
    return bytes(changed)
