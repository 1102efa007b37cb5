"""The promote stage: decide, register, report. Everything it writes lies below `runs/<run id>` in
the store."""

import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from tasks.core.anchor import keep_anchor
from tasks.core.config import RetrainConfig
from tasks.core.controls import Control
from tasks.core.heldout import promotion_advice
from tasks.core.records import Promotion
from tasks.core.reuse import find_output, keep_output
from tasks.core.scores import AFTER
from tasks.core.speed import SUMMARY_KEY
from tasks.core.statistics import METHOD, Estimate
from tasks.core.store import Store
from tasks.core.types import Run, Split, StageReport
from tasks.promote.decide import Decision, coverage, decide
from tasks.promote.evidence import Evidence, Inputs, load_evidence
from tasks.promote.jigsaws import jigsaw_pictures
from tasks.promote.lineage import lineage
from tasks.promote.metrics import closing_metrics
from tasks.promote.pictures import sample_pictures, sample_videos
from tasks.promote.report import draw_charts, render_report
from tasks.promote.rules import BLIND_WORDS
from tasks.promote.summary import Summary, summarize
from tasks.promote.table import closing_table
from tasks.promote.version_scores import publish_scores
from tasks.tracking.tracker import ChampionMovedError, ModelRegistry, Standing, Tracker

logger = logging.getLogger(__name__)


def promote_challenger(
    store: Store,
    run: Run,
    config: RetrainConfig,
    inputs: Inputs,
    registry: ModelRegistry,
    tracker: Tracker,
) -> tuple[Promotion, str]:
    """Returns the outcome, and the closing table for the terminal."""
    started = time.perf_counter()
    evidence = load_evidence(store, inputs, config)
    name = config.promote.model_name
    standing = registry.standing(name)
    origin = lineage(run, config, inputs, standing.champion)
    decision = _decide_once(store, run, evidence, standing, config)
    challenger = evidence.scores[AFTER].policy
    if standing.champion is not None and standing.champion.policy.digest == challenger.digest:
        version = standing.champion.version  # its tags say how it became champion
    else:
        version = registry.register(name, challenger, _tags(run, origin, evidence, decision))
    decision = _move(registry, name, version, decision)
    # Asked again: the alias may have moved, by this run or by another.
    champion = registry.standing(name).champion
    logger.info("%s version %s: %s", name, version, decision.reason)
    publish_scores(
        store,
        tracker,
        run,
        config,
        evidence,
        decision,
        version=version,
        champion=standing.champion,
    )

    folder = f"runs/{run.run_id}"
    promotion = Promotion(
        promoted=decision.promoted,
        reason=decision.reason,
        version=version,
        report_key=f"{folder}/report.html",
        summary_key=f"{folder}/summary.json",
    )
    images = (
        draw_charts(evidence)
        | sample_pictures(store, evidence)
        | jigsaw_pictures(store, evidence)
        | sample_videos(store, evidence)
    )
    own_report = StageReport(stage="promote", seconds=time.perf_counter() - started)
    evidence = replace(evidence, reports=[*evidence.reports, own_report])
    summary = summarize(
        run, evidence, decision, promotion, champion=champion.version if champion else ""
    )
    _publish(
        store,
        tracker,
        promotion,
        summary,
        origin,
        images,
        render_report(summary, evidence, origin, images),
    )
    # Last: what a run that failed asked is no anchor.
    if evidence.anchor.folder:
        keep_anchor(store, name, evidence.anchor)
    return promotion, closing_table(summary)


def _decide_once(
    store: Store, run: Run, evidence: Evidence, standing: Standing, config: RetrainConfig
) -> Decision:
    # Cut off between moving the alias and the report, a second try would meet its own challenger as
    # champion.
    key = f"runs/{run.run_id}/decision-{evidence.scores[AFTER].policy.digest}"
    decision = find_output(store, key, Decision)
    if decision is not None:
        return decision
    covered = {name: coverage(rows) for name, rows in evidence.predictions.items()}
    sides = Counter(clip.split for clip in evidence.clips)
    advice = promotion_advice(sides[Split.HELDOUT], sides[Split.TRAIN], config)
    return keep_output(
        store,
        key,
        decide(
            evidence.scores,
            evidence.gains,
            covered,
            standing,
            config.promote,
            advice,
            evidence.guards,
            {place: one.whole.after for place, one in evidence.controls.items()},
        ),
    )


def _move(registry: ModelRegistry, name: str, version: str, decision: Decision) -> Decision:
    """Move the alias on a yes; a champion that another run made meanwhile turns it into a no."""
    if not decision.promoted:
        return decision
    try:
        registry.move_champion(
            name, version, last_move=decision.last_move, champion=decision.champion
        )
    except ChampionMovedError as error:
        registry.tag(name, version, {"videossr.promoted": "false", "videossr.reason": str(error)})
        return replace(decision, promoted=False, reason=str(error))
    return decision


def _publish(
    store: Store,
    tracker: Tracker,
    promotion: Promotion,
    summary: Summary,
    origin: Mapping[str, str],
    images: Mapping[str, bytes],
    report: str,
) -> None:
    files = {
        "report/report.html": report.encode(),
        "report/summary.json": json.dumps(summary, indent=2).encode(),
        "report/lineage.json": json.dumps(origin, indent=2).encode(),
    }
    for name, data in {**files, **images}.items():
        tracker.log_bytes(name, data)
    tracker.log_metrics(closing_metrics(summary))
    store.write_bytes(promotion.report_key, files["report/report.html"])
    for key in (promotion.summary_key, SUMMARY_KEY):
        store.write_bytes(key, files["report/summary.json"])


def _tags(
    run: Run, origin: Mapping[str, str], evidence: Evidence, decision: Decision
) -> dict[str, str]:
    scores = evidence.scores[AFTER]
    return {
        **{f"videossr.{name}": value for name, value in origin.items() if name != "config"},
        **_score_tags("heldout", scores.heldout),
        **_score_tags("viubench", scores.viubench),
        **{
            tag: value
            for name, score in scores.benchmarks.items()
            for tag, value in _score_tags(name, score.headline).items()
        },
        **{
            f"videossr.sees.{place}": text
            for place, found in evidence.controls.items()
            if (text := _sight(found.whole.after))
        },
        **{
            f"videossr.answered_by.{model}": answerer
            for model, answerer in evidence.answerers.items()
        },
        "videossr.intervals": METHOD,
        "videossr.promoted": str(decision.promoted).lower(),
        "videossr.reason": decision.reason,
        "videossr.report": f"{run.data_root}/runs/{run.run_id}/report.html",
    }


def _score_tags(place: str, score: Estimate) -> dict[str, str]:
    """Mean and interval, or why there is none."""
    degrees = f"{score.num_videos} videos, {score.degrees_of_freedom:.1f} degrees of freedom"
    interval = score.no_interval or f"{score.low:.6f} to {score.high:.6f} ({degrees})"
    return {f"videossr.{place}_mean": f"{score.mean:.6f}", f"videossr.{place}_interval": interval}


def _sight(control: Control) -> str:
    """How far the challenger lies above what it would score without looking; empty if nothing was
    asked."""
    gains = {
        "the best constant answer": control.over_constant,
        **{BLIND_WORDS[name]: gain for name, gain in control.gain_by_seeing.items()},
    }
    known = {name: gain for name, gain in gains.items() if gain.num_items}
    if not known:
        return ""
    verdict = "yes" if all(gain.low > 0 for gain in known.values()) else "not shown"
    return f"{verdict}: " + ", ".join(
        f"{gain.mean:+.4f} over {name}" for name, gain in known.items()
    )
