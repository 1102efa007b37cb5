"""Proves answers from what is shown: the rendered pixels against the clip's own, never the edits.

A proof that fails means that planning or rendering is wrong. Where pixels cannot tell (a frame that looks the same
mirrored) the verdict says so. A pretext task may have a proof, a `prove_*` file and an entry of `_PROOFS`; without one
its answers are undecidable.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from tqdm import tqdm

from tasks.core.edits import donor_clip_ids
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.validate.findings import Finding, Severity
from tasks.validate.prove_counting import prove_counting
from tasks.validate.prove_grounding import prove_grounding
from tasks.validate.prove_jigsaw import prove_jigsaw
from tasks.validate.verdict import Proof, Verdict, undecidable, wrong
from tasks.video.frame_store import load_frames
from tasks.video.frames import Frames
from tasks.video.render import render_sample

logger = logging.getLogger(__name__)

_MAX_UNDECIDABLE_SHARE = 0.05
"""More than this share of answers that pixels cannot tell is worth a warning."""


def prove_samples(store: Store, samples: Sequence[Sample], clips: Mapping[str, Clip]) -> dict[str, Proof]:
    """A proof for each sample id; frames are rendered again for it."""
    proofs = {}
    for sample in tqdm(samples, desc="prove answers", unit="sample", leave=False):
        proof = _prove_one(store, sample, clips)
        if proof.verdict is not Verdict.PROVED:
            logger.warning("sample %s is %s: %s", sample.sample_id, proof.verdict, proof.detail)
        proofs[sample.sample_id] = proof
    return proofs


def prove_answer(
    sample: Sample, shown: Sequence[Frames], original: Frames, clip: Clip, donors: Sequence[Frames] = ()
) -> Proof:
    """`shown`: frames (F, H, W, 3) of each view; `original`: all frames of the one clip they come from.

    `donors`: all frames of the clips that a view borrows from, each in its own size.
    """
    prove = _PROOFS.get(sample.pretext)
    if prove is None:
        return undecidable(f"no proof is known for the pretext task {sample.pretext!r}")
    return prove(sample, shown, original, clip, donors)


_PROOFS: dict[str, Callable[[Sample, Sequence[Frames], Frames, Clip, Sequence[Frames]], Proof]] = {
    "grounding": lambda sample, shown, original, clip, donors: prove_grounding(
        sample, shown, original, clip.timestamps_seconds, donors
    ),
    "counting": lambda sample, shown, original, clip, donors: prove_counting(sample, shown, original),
    "jigsaw": lambda sample, shown, original, clip, donors: prove_jigsaw(sample, shown, original),
}


def proof_findings(proofs: Mapping[str, Proof]) -> list[Finding]:
    """Wrong answers stop the run; many undecidable ones are a warning."""
    return [
        _finding(proofs, Verdict.WRONG, "answers follow from the pixels", 0.0, Severity.ERROR),
        _finding(proofs, Verdict.UNDECIDABLE, "pixels tell the answer", _MAX_UNDECIDABLE_SHARE, Severity.WARNING),
    ]


def _prove_one(store: Store, sample: Sample, clips: Mapping[str, Clip]) -> Proof:
    try:
        shown = [video.frames for video in render_sample(store, sample, clips)]
        clip = clips[sample.views[0].clip_id]
        donors = [load_frames(store, clips[name]) for view in sample.views for name in donor_clip_ids(view.edits)]
        return prove_answer(sample, shown, load_frames(store, clip), clip, donors)
    except (ValueError, OSError) as error:
        return wrong(f"cannot be rendered: {error}")


def _finding(
    proofs: Mapping[str, Proof], verdict: Verdict, check: str, max_share: float, severity: Severity
) -> Finding:
    found = [f"{name}: {proof.detail}" for name, proof in proofs.items() if proof.verdict is verdict]
    return Finding(
        manifest="samples",
        check=f"{check} ({len(proofs)} rows drawn and rendered again)",
        passed=len(found) <= max_share * len(proofs),
        num_unexpected=len(found),
        example=found[0] if found else "",
        severity=severity,
    )
