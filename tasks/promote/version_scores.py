"""What one run measured, by version and place: rows of `scores.json`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from tasks.core.config import RetrainConfig
from tasks.core.digest import digest_of
from tasks.core.scores import AFTER, BASE, BenchmarkScore
from tasks.core.statistics import Estimate
from tasks.core.store import Store
from tasks.core.types import OUTSIDE, Artifact, Run, Split
from tasks.promote.decide import Decision
from tasks.promote.evidence import Evidence
from tasks.promote.scores_file import VersionScore, keep_scores, scores_json
from tasks.report.text import as_json
from tasks.tracking.tracker import RegisteredModel, Tracker


def publish_scores(
    store: Store,
    tracker: Tracker,
    run: Run,
    config: RetrainConfig,
    evidence: Evidence,
    decision: Decision,
    *,
    version: str,
    champion: RegisteredModel | None,
) -> None:
    """Keep what this run measured, and give its record the scores of all runs: `scores.json`, and
    the same as a table.

    `version` is the challenger's, `champion` the one before this run.
    """
    model = config.promote.model_name
    versions = {champion.policy.digest: champion.version} if champion else {}
    promoted = {*versions.values(), *([version] if decision.promoted else [])}
    versions[evidence.scores[AFTER].policy.digest] = version
    known = keep_scores(
        store, model, run.run_id, [*_rows(run, config, evidence, versions, promoted)]
    )
    tracker.log_bytes("scores.json", scores_json(model, known))
    tracker.log_table("scores_table.json", [as_json(asdict(row)) for row in known])


@dataclass(frozen=True, kw_only=True)
class _Model:
    """What all rows of one model have in common."""

    version: str
    policy: str
    promoted: bool
    run_id: str
    scored_at: str


def _rows(
    run: Run,
    config: RetrainConfig,
    evidence: Evidence,
    versions: Mapping[str, str],
    promoted: set[str],
) -> Iterator[VersionScore]:
    """`versions` are those of policies, by digest."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    challenger = versions[evidence.scores[AFTER].policy.digest]
    own_questions = _own_questions(config, evidence)
    for name, scores in evidence.scores.items():
        unregistered = BASE if scores.policy.is_outside else f"{challenger}/{name}"
        version = versions.get(scores.policy.digest, unregistered)
        model = _Model(
            version=version,
            policy=scores.policy.key,
            promoted=version in promoted,
            run_id=run.run_id,
            scored_at=at,
        )
        for split, score in ((Split.HELDOUT, scores.heldout), (Split.VIUBENCH, scores.viubench)):
            # For want of held-out videos nothing may have been asked.
            if score.num_items:
                yield _row(model, str(split), own_questions[split], score, scores.predictions)
        yield from _of_benchmarks(model, scores.benchmarks, evidence, name)
    base = _Model(
        version=BASE,
        policy=f"{OUTSIDE}{config.model.base}",
        promoted=False,
        run_id=run.run_id,
        scored_at=at,
    )
    yield from _of_benchmarks(base, evidence.base, evidence, BASE)


def _of_benchmarks(
    model: _Model, benchmarks: Mapping[str, BenchmarkScore], evidence: Evidence, name: str
) -> Iterator[VersionScore]:
    """`name` is the candidate's."""
    for place, score in benchmarks.items():
        yield _row(
            model,
            place,
            score.questions,
            score.headline,
            score.units,
            chance=score.chance,
            answerer=evidence.answerers.get(name, ""),
            is_anchor=place == evidence.anchor.name,
        )


def _row(
    model: _Model,
    place: str,
    questions: str,
    score: Estimate,
    scores: Artifact,
    *,
    chance: float | None = None,
    answerer: str = "",
    is_anchor: bool = False,
) -> VersionScore:
    return VersionScore(
        **vars(model),
        place=place,
        questions=questions,
        is_anchor=is_anchor,
        mean=as_json(score.mean),
        low=as_json(score.low),
        high=as_json(score.high),
        se=as_json(score.se),
        num_items=score.num_items,
        num_videos=score.num_videos,
        no_interval=score.no_interval,
        chance=chance,
        answerer=answerer,
        scores_key=scores.key,
        scores_digest=scores.digest,
    )


def _own_questions(config: RetrainConfig, evidence: Evidence) -> dict[Split, str]:
    """Digest of what is asked about held-out videos: samples, frames and sampling; not of engines
    and batches, which are no part of a question."""
    frames = {clip.clip_id: clip.frames_key for clip in evidence.clips}
    # As `tasks.evaluate.score_policy` asks: held-out samples several times, VIUBench greedily.
    sampling = {
        Split.HELDOUT: (config.evaluate.heldout_rollouts_per_sample, config.rollout.temperature),
        Split.VIUBENCH: (1, 0.0),
    }
    digests = {}
    for split, sampled in sampling.items():
        samples = sorted(
            (sample for sample in evidence.samples if sample.split == split),
            key=lambda sample: sample.sample_id,
        )
        shown = sorted({frames[view.clip_id] for one in samples for view in one.views})
        digests[split] = digest_of(*sampled, config.rollout.max_answer_tokens, shown, *samples)
    return digests
