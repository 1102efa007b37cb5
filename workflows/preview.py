"""Look at samples: contact sheets and short videos, with the frames that answer the question
marked.

pyflyte run workflows/preview.py preview --pretext grounding --level 0.5
"""

from flytekit import workflow

from tasks.core.records import PreviewSet
from tasks.preview.task import preview_samples


@workflow
def preview(
    pretext: str = "",
    kind: str = "",
    level: float = -1.0,
    split: str = "",
    limit: int = 24,
    seed: int = 0,
    out: str = "",
    samples: str = "",
    clips: str = "",
    data_root: str = "./.videossr",
) -> PreviewSet:
    """Samples of the latest data set, or of the manifests that `samples` and `clips` name.

    `pretext`, `kind`, `level` (-1: any) and `split` choose; `limit`: most samples, drawn with
    `seed` (0: all).
    """
    shown: PreviewSet = preview_samples(
        data_root=data_root,
        samples=samples,
        clips=clips,
        pretext=pretext,
        kind=kind,
        level=level,
        split=split,
        limit=limit,
        seed=seed,
        out=out,
    )
    return shown
