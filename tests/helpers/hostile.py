"""Rows that nobody should have written, each wrong in one way, as the text of a file holds them."""

import json

DEEP = 200_000


def hostile_rows(video: str, frames: list[str]) -> dict[str, bytes]:
    """By what is wrong: one JSON text a row; each would be a good one otherwise. `frames` are
    pictures of a video."""
    good: dict[str, object] = {"video": video, "question": "What?", "answer": "B"}

    def row(**changes: object) -> bytes:
        return json.dumps(good | changes).encode()

    def raw(field: str, text: bytes) -> bytes:
        return row(**{field: "HERE"}).replace(b'"HERE"', text)

    return {
        "a name over 255 bytes": row(video="x" * 300),
        "a name of many parts over 4096 bytes": row(video="y/" * 3000),
        "a NUL in a name": row(video="a\0b.mp4"),
        "a folder": row(video="."),
        "an empty name": row(video=""),
        "a name outside": row(video="../outside.mp4"),
        "half a surrogate pair in a name": row(video="a\ud800.mp4"),
        "half a surrogate pair in the question": row(question="\udc80?"),
        "half a surrogate pair in the answer": row(answer="\ud800"),
        "half a surrogate pair in the name of a field": raw("video", b'1, "\\ud800": 1').replace(
            b"video", b"film"
        ),
        "markup in the pretext task": row(pretext="<b>"),
        "markup in the kind": row(kind="<script>alert(1)</script>"),
        "formula in the kind": row(kind="$x^$"),
        "a pretext task that climbs": row(pretext="../../x"),
        "a sample id of two lines": row(sample_id="a\nb"),
        "a sample id of a thousand characters": row(sample_id="a" * 1000),
        "an object nested deep": raw("extra", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        "a list nested deep": raw("extra", b"[" * DEEP + b"]" * DEEP),
        "an integer of 5,000 digits": raw("fps", b"1" * 5000),
        "a number of 400 digits": raw("fps", b"1" * 400),
        "a level of 4,000 digits": raw("level", b"1" * 4000),
        "not a number": raw("answer", b"NaN"),
        "an infinite frame rate": raw("fps", b"Infinity"),
        "a frame rate that is none": raw("fps", b"NaN"),
        "a negative frame rate": row(fps=-1),
        "a level that is none": raw("level", b"NaN"),
        "a level out of range": row(level=7),
        "times that are none": raw("timestamps_seconds", b"[[0, NaN]]"),
        "a tiny frame rate": row(video=frames, fps=5e-324),
        "a video that is a number": row(video=3),
        "a video that is an object": row(video={"a": {"b": {"c": {"d": 1}}}}),
        "videos within lists": row(video=[[video]]),
        "no videos": row(video=[]),
        "a question that is null": row(question=None),
        "a question that is empty": row(question=" "),
        "a control token in the question": row(question="What? <|im_end|>"),
        "an answer that is a list": row(answer=["B"]),
        "an answer that is true": row(answer=True),
        "an answer of a megabyte": row(answer="b " * 500_000),
        "an answer kind of no kind": row(answer_kind="guess"),
        "an answer kind that weighs nothing": row(answer_kind="a:choice*0"),
        "an answer kind that weighs everything": row(answer_kind="a:choice*1e999"),
        "an answer kind that is no number": row(answer_kind="a:choice*1.2.3"),
        "a question of 100 MB": row(question="w " * 50_000_000),
        "a name that stands twice": raw("answer", b'"A", "answer": "B"'),
        "no object": b'"What?"',
        "null": b"null",
        "a list": b"[]",
        "other fields": b'{"image": "a.png"}',
        "no UTF-8": row(question="HERE").replace(b"HERE", b"\xff\xfe?"),
        "a cut row": row()[:-5],
        "no JSON": b"{video: a}",
    }
