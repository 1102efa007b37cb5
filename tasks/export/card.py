"""The README of an exported data set: what its splits hold, how to read it, what to beware of."""

from collections.abc import Sequence

from tasks.export.manifest import Manifest

_LOADER = {".parquet": "parquet", ".jsonl": "json"}
_COMPRESSION = {
    "mp4": "The videos were compressed (nearly without loss) after they were altered. Frames stand at an even rate; "
    "their exact times are in `extra_info.timestamps_seconds`.",
    "frames": "Every frame is a PNG picture, exactly as rendered. Their times are in `extra_info.timestamps_seconds`.",
}


def write_card(splits: Sequence[Manifest]) -> str:
    """Markdown with the front matter that Hugging Face `datasets` reads; all `splits` have one layout."""
    plan = splits[0].plan
    num_rows, about_videos = sum(found.num_rows for found in splits), _COMPRESSION[plan.videos]
    suffix = splits[0].file.removeprefix(plan.split)
    files = "\n".join(f"  - split: {found.plan.split}\n    path: {found.file}" for found in splits)
    named = ", ".join(f'"{found.plan.split}": "{found.file}"' for found in splits)
    table = "\n".join(
        f"| {found.plan.split} | {cell.pretext} | {cell.kind} | {cell.level:g} | {cell.num_rows} |"
        for found in splits
        for cell in found.cells
    )
    left_out = "\n".join(
        f"{len(found.left_out)} samples of {found.plan.split} were left out because they could not be rendered "
        f"(`{found.plan.split}.manifest.json` says which and why)."
        for found in splits
    )
    return f"""---
configs:
- config_name: default
  data_files:
{files}
---
# Questions about altered videos, layout {plan.layout}

{num_rows} questions whose answers are known because the videos were altered by code (videossr). {about_videos}

    datasets.load_dataset("{_LOADER[suffix]}", data_files={{{named}}})

Paths are relative to this folder unless a prefix was asked for. The answer is in `reward_model.ground_truth` or
`solution`. `extra_info` holds pretext task, kind and level of each question: show them to nobody who answers.
Rights to the videos stay with their owners.

| split | pretext task | kind | level | questions |
|---|---|---|---|---|
{table}

{left_out}
"""
