"""The README of an exported data set: what it holds, how to read it, what to beware of."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tasks.exchange.row import Row

_LOADER = {".parquet": "parquet", ".jsonl": "json"}
_COMPRESSION = {
    "mp4": "The videos were compressed (nearly without loss) after they were altered. Frames stand at an even rate; "
    "their exact times are in `extra_info.timestamps_seconds`.",
    "frames": "Every frame is a PNG picture, exactly as rendered. Their times are in `extra_info.timestamps_seconds`.",
}


def write_card(layout: str, videos: str, file_name: str, rows: Sequence[Row], left_out: Mapping[str, str]) -> str:
    """Markdown with the front matter that Hugging Face `datasets` reads."""
    counts = Counter((row.pretext, row.kind, row.level) for row in rows)
    table = "\n".join(
        f"| {pretext} | {kind} | {level:g} | {number} |"
        for (pretext, kind, level), number in sorted(counts.items(), key=str)
        if level is not None
    )
    suffix = file_name[file_name.rindex(".") :]
    split = file_name.removesuffix(suffix)
    return f"""---
configs:
- config_name: default
  data_files:
  - split: {split}
    path: {file_name}
---
# Questions about altered videos, layout {layout}

{len(rows)} questions whose answers are known because the videos were altered by code (videossr). {_COMPRESSION[videos]}

    datasets.load_dataset("{_LOADER[suffix]}", data_files="{file_name}")

Paths are relative to this folder unless a prefix was asked for. The answer is in `reward_model.ground_truth` or
`solution`. `extra_info` holds pretext task, kind and level of each question: show them to nobody who answers.
Rights to the videos stay with their owners.

| pretext task | kind | level | questions |
|---|---|---|---|
{table}

{len(left_out)} samples were left out because they could not be rendered (`manifest.json` says which and why).
"""
