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
from tasks.promote.lineage import lineage
from tasks.promote.pictures import sample_pictures, sample_videos
from tasks.promote.report import draw_charts, render_report
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
        draw_charts(evidence) | sample_pictures(store, evidence) | sample_videos(store, evidence)
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
    tracker.log_metrics(_metrics(summary))
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


def _metrics(summary: Summary) -> dict[str, float]:
    """The closing numbers, grouped by the part before the slash."""
    metrics: dict[str, float | None] = {}
    for group, parts in (("heldout", "by_pretext"), ("viubench", "by_type")):
        gain = summary[group]["gain"]
        metrics |= {f"{group}/gain": gain["mean"], f"{group}/videos": gain["num_videos"]}
        if not gain["no_interval"]:
            metrics |= {
                f"{group}/gain_{name}": gain[name] for name in ("low", "high", "degrees_of_freedom")
            }
        for model, score in summary[group].items():
            if parts in score:
                metrics[f"{group}/{model}"] = score["mean"]
                metrics |= {
                    f"{group}_{model}/{part}": value["mean"] for part, value in score[parts].items()
                }
    for name, found in summary["benchmarks"].items():
        metrics |= _benchmark_metrics(f"benchmark_{name}", found)
    metrics |= _interval_metrics("overall/gain", summary["overall"]["gain"])
    metrics |= {f"time/{stage}_seconds": seconds for stage, seconds in summary["seconds"].items()}
    metrics["calibrate/share_with_spread_before"] = summary["calibration"][
        "share_with_spread_before"
    ]
    metrics["calibrate/share_with_spread_after"] = summary["calibration"]["share_with_spread_after"]
    return {name: value for name, value in metrics.items() if value is not None}


def _benchmark_metrics(group: str, found: Summary) -> dict[str, float | None]:
    """Of every model's score and of every gain, then what stands beside them."""
    metrics: dict[str, float | None] = {
        f"{group}/{name}": found[name] for name in ("chance", "num_questions", "visible_loss")
    }
    for name, value in found.items():
        if isinstance(value, dict) and "mean" in value:
            metrics |= _interval_metrics(f"{group}/{name}", value)
    metrics |= {f"{group}/paper {model}": score for model, score in found["paper"].items()}
    return metrics | {f"{group}/coverage": found[AFTER]["coverage"]}


def _interval_metrics(name: str, estimate: Summary) -> dict[str, float | None]:
    """The ends of no interval are null, and left out in the end."""
    return {
        name: estimate["mean"],
        f"{name}_low": estimate["low"],
        f"{name}_high": estimate["high"],
    }
