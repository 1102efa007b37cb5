"""The run in one JSON object, for scripts (`summary.json`) and for the closing table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from statistics import fmean
from typing import Any

from tasks.core.records import Promotion
from tasks.core.score_config import OVERALL
from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.core.speed import BENCHMARK_STAGE, BLIND_STAGE
from tasks.core.statistics import METHOD, Estimate, visible_loss
from tasks.core.types import Run, Split
from tasks.promote.controls import PartControl, PlaceControl
from tasks.promote.decide import Decision
from tasks.promote.evidence import Evidence
from tasks.report.text import as_json

Summary = dict[str, Any]
_MOST_ANSWERS = 3
"""A cell has one, or one for each half of its items; a whole place has many."""


def summarize(
    run: Run, evidence: Evidence, decision: Decision, promotion: Promotion, *, champion: str
) -> Summary:
    """Build the summary. Keys:

    run          run_id, preset, seed, data_root, tracking_uri (empty for the sqlite file of the
                 data root)
    clips        found, accepted, rejected, rejected_by_reason {reason: n}, by_split {split: n},
                 with_warnings, verified (against a checksum that came with them),
                 by_jpeg_quality {quality: n}
    samples      by_split {split: n}, selected (training samples of the last round)
    calibration  groups (measured, in all rounds), rollouts, levels (mean level of the plan after
                 each round), planned_share_with_spread (what each plan expects),
                 dropped_by_reason {reason: n}, mean_reward,
                 share_with_spread_before: of all measured groups,
                 share_with_spread_after: of the groups that GRPO trained on, measured anew at each
                 step
    training     steps, first_reward, last_reward (mean over the first and the last tenth of the
                 steps)
    intervals    how the 95 % intervals are made, in words
    heldout      before, after, champion (if scored), gain (after over before, paired),
                 gain_over_champion (if scored):
                 {mean, se, low, high (of the 95 % interval), degrees_of_freedom, num_items,
                 num_videos, no_interval (why there is none, else ""), by_pretext {name: {...}}};
                 of models also greedy (the answer without sampling): the same, with by_pretext
    viubench     the same with by_type; answers are read as the paper's script reads them
    viubench_strict
                 VIUBench where the whole text must be the answer: before, after, champion (if
                 scored)
    benchmarks   {name: {...}} of `evaluate.benchmarks` and the anchor; for each
                 before, after, champion, "round 1" ... (if scored), base (`model.base`, on the
                 anchor only), gain, gain_over_champion: as above; of models also result (key of
                 result.json below the data root, with all parts) and coverage (share of the
                 questions that were shown);
                 visible_loss: least true loss that so many items would have shown, four times out
                 of five, of the gain over the model that the decision compares with (over before
                 if there was nothing to compare), null if not known;
                 adapter, questions (digest of what was asked and how), num_questions (asked),
                 num_available (in the files), chance (expected score of guesses, null if it depends
                 on the videos), paper {model: the paper's score at as many frames}, is_anchor
    overall      places (that it is the mean of), gain, gain_over_champion (if scored)
    controls     what the challenger's scores would be without looking: {place: {...}} of heldout,
                 viubench, every benchmark and overall; {} if it was not measured. For each
                 score, greedy (of held-out samples, else null), constant (the best answer that is
                 the same for all such items, chosen on others), over_constant (score minus
                 constant, by item), blind {condition: {...}} (asked without its pictures: grey
                 frames, or swapped for those of another sample), gain_by_seeing {condition: {...}}
                 (score minus blind, by item): as above; chance (expected score of a guess, null if
                 it is not known), constant_answers (the most frequent ones, at most three, as
                 people read them), before {score, over_constant} (the start model's), by_part
                 {pretext task, type or part of a benchmark: {the same}}, by_cell
                 {pretext task/kind/level: {the same}} (held-out samples)
    anchor       name of the anchor among the benchmarks, "" if there is none
    answered_by  {model: who answered the benchmarks in its place}
    failed       samples that could not be shown, {model: n}; they scored 0
    decision     promoted, reason, checks (each rule with its verdict), gains {place: {...}},
                 version (of the challenger), champion (version after the run, "" if there is none),
                 compared_with ("before", "champion", or "" if there was nothing to compare),
                 must_see (whether its rules demanded that the challenger looks)
    cost         of training's updates: tokens (prompts and answers), tokens_vision, flops,
                 peak_mib; rollouts of calibration and evaluation: rollouts_measured;
                 benchmarks {name: {asked (questions), decoded (videos), tokens (read and written),
                 seconds}}, over all models; blind {condition and place: {asked, items (with a
                 score), of (all items), without_partner, failed, tokens, reused, seconds}}: without
                 pictures; speed of answering: {of (model and engine), tokens,
                 seconds}, null if nothing was answered anew
    seconds      {stage: seconds}
    counts       {stage: {name: number}}, as each stage reported them; the second round is
                 "calibrate round 2"
    report       path of the report

    Numbers that are not known (the standard error of three videos, the mean of nothing) are null.
    """
    summary = {
        "run": {
            "run_id": run.run_id,
            "preset": run.preset,
            "seed": run.seed,
            "data_root": run.data_root,
            "tracking_uri": run.tracking_uri,
        },
        "clips": _clips(evidence),
        "samples": {
            "by_split": _count(s.split for s in evidence.samples),
            "selected": [one.num_selected for one in evidence.rounds][-1],
        },
        "calibration": _calibration(evidence),
        "training": _training(evidence),
        "intervals": METHOD,
        "heldout": _heldout(evidence),
        "viubench": _viubench(evidence),
        "viubench_strict": {
            name: _estimate(scores.viubench_strict) for name, scores in evidence.scores.items()
        },
        "benchmarks": {
            name: _benchmark(evidence, name, decision.opponent) for name in evidence.benchmarks
        },
        "overall": {"places": evidence.overall, **_gains(evidence, OVERALL)},
        "controls": {place: _place_control(one) for place, one in evidence.controls.items()},
        "anchor": evidence.anchor.name,
        "answered_by": evidence.answerers,
        "failed": {name: scores.num_failed for name, scores in evidence.scores.items()},
        "decision": {
            "promoted": decision.promoted,
            "reason": decision.reason,
            "checks": list(decision.checks),
            "gains": {place: _estimate(gain) for place, gain in decision.gains.items()},
            "version": promotion.version,
            "champion": champion,
            "compared_with": decision.opponent,
            "must_see": evidence.must_see,
        },
        "cost": _cost(evidence),
        "seconds": _seconds(evidence),
        "counts": _counts(evidence),
        "report": f"{run.data_root}/{promotion.report_key}",
    }
    known: Summary = as_json(summary)
    return known


def _clips(evidence: Evidence) -> Summary:
    return {
        "found": len(evidence.clips) + len(evidence.rejections),
        "accepted": len(evidence.clips),
        "rejected": len(evidence.rejections),
        "rejected_by_reason": _count(rejection.reason for rejection in evidence.rejections),
        "by_split": _count(clip.split for clip in evidence.clips),
        "with_warnings": sum(bool(clip.warnings) for clip in evidence.clips),
        "verified": sum(clip.is_verified for clip in evidence.clips),
        "by_jpeg_quality": _count(clip.jpeg_quality for clip in evidence.clips),
    }


def _counts(evidence: Evidence) -> dict[str, dict[str, float]]:
    counts: dict[str, dict[str, float]] = {}
    for report in evidence.reports:
        number = sum(name.split(" round ")[0] == report.stage for name in counts) + 1
        counts[report.stage if number == 1 else f"{report.stage} round {number}"] = report.counts
    return counts


def _calibration(evidence: Evidence) -> Summary:
    measurements = [m for one in evidence.rounds for m in one.measurements]
    return {
        "groups": len(measurements),
        "rollouts": sum(m.num_rollouts for m in measurements),
        "levels": [sum(c.probability * c.level for c in one.plan) for one in evidence.rounds],
        "planned_share_with_spread": [
            sum(c.probability * c.share_with_spread for c in one.plan) for one in evidence.rounds
        ],
        "dropped_by_reason": _count(m.reason for m in measurements if not m.kept),
        "mean_reward": _mean(m.mean_reward for m in measurements),
        "share_with_spread_before": _mean(m.kept for m in measurements),
        "share_with_spread_after": _mean(step.spread_share for step in evidence.steps),
    }


def _training(evidence: Evidence) -> Summary:
    rewards = [step.reward_mean for step in evidence.steps]
    tenth = max(1, len(rewards) // 10)
    return {
        "steps": len(rewards),
        "first_reward": _mean(rewards[:tenth]),
        "last_reward": _mean(rewards[-tenth:]),
    }


def _heldout(evidence: Evidence) -> Summary:
    models = {
        name: _estimate(scores.heldout)
        | {
            "by_pretext": _estimates(scores.heldout_by_pretext),
            "greedy": _estimate(scores.heldout_greedy)
            | {"by_pretext": _estimates(scores.heldout_greedy_by_pretext)},
        }
        for name, scores in evidence.scores.items()
    }
    return models | _gains(evidence, Split.HELDOUT, "by_pretext")


def _viubench(evidence: Evidence) -> Summary:
    models = {
        name: _estimate(scores.viubench) | {"by_type": _estimates(scores.viubench_by_type)}
        for name, scores in evidence.scores.items()
    }
    return models | _gains(evidence, Split.VIUBENCH, "by_type")


def _benchmark(evidence: Evidence, name: str, opponent: str) -> Summary:
    found = evidence.on_benchmark(name)
    after = found[AFTER]
    return {
        "adapter": after.adapter,
        "questions": after.questions,
        "num_questions": after.predictions.num_rows,
        "num_available": after.num_available,
        "chance": after.chance,
        "paper": after.paper,
        "is_anchor": name == evidence.anchor.name,
        "visible_loss": visible_loss(evidence.gains[opponent or BEFORE][name]),
        **{
            model: _estimate(score.headline)
            | {"coverage": score.coverage, "result": score.result.key}
            for model, score in found.items()
        },
        **_gains(evidence, name),
    }


def _gains(evidence: Evidence, place: str, parts: str = "") -> Summary:
    """With those on each part, under the key `parts` if the place has some."""
    over = {BEFORE: "gain", CHAMPION: "gain_over_champion"}
    return {
        name: _estimate(evidence.gains[model][place])
        | ({parts: _estimates(evidence.part_gains[model][place])} if parts else {})
        for model, name in over.items()
        if model in evidence.gains
    }


def _place_control(place: PlaceControl) -> Summary:
    return _part_control(place.whole) | {
        "by_part": {name: _part_control(part) for name, part in place.by_part.items()},
        "by_cell": {name: _part_control(cell) for name, cell in place.by_cell.items()},
    }


def _part_control(part: PartControl) -> Summary:
    after = part.after
    return {
        "score": _estimate(after.score),
        "greedy": _estimate(part.greedy) if part.greedy else None,
        "chance": after.chance,
        "constant": _estimate(after.constant),
        "constant_answers": part.constant_answers[:_MOST_ANSWERS],
        "over_constant": _estimate(after.over_constant),
        "blind": _estimates(after.blind),
        "gain_by_seeing": _estimates(after.gain_by_seeing),
        "before": {
            "score": _estimate(part.before.score),
            "over_constant": _estimate(part.before.over_constant),
        },
    }


def _cost(evidence: Evidence) -> Summary:
    metrics = [step.metrics for step in evidence.steps]

    def total(*names: str) -> float:
        return sum(step.get(f"cost/{name}", 0.0) for step in metrics for name in names)

    measured = sum(m.num_rollouts for one in evidence.rounds for m in one.measurements)
    scored = sum(row.num_rollouts for rows in evidence.predictions.values() for row in rows)
    return {
        "tokens": int(total("tokens_prompt", "tokens_answer")),
        "tokens_vision": int(total("tokens_vision")),
        "flops": total("flops_rollout", "flops_reference", "flops_update", "flops_vision_forward"),
        "peak_mib": max((step["cost/peak_mib"] for step in metrics), default=0.0),
        "rollouts_measured": measured + scored,
        "benchmarks": _spent(evidence, BENCHMARK_STAGE),
        "blind": _spent(evidence, BLIND_STAGE),
        "speed": asdict(evidence.speed) if evidence.speed else None,
    }


def _spent(evidence: Evidence, stages: str) -> Summary:
    """By what follows `stages` in the name of a report."""
    return {
        report.stage.removeprefix(stages): report.counts | {"seconds": report.seconds}
        for report in evidence.reports
        if report.stage.startswith(stages)
    }


def _seconds(evidence: Evidence) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for report in evidence.reports:
        seconds[report.stage] = seconds.get(report.stage, 0.0) + report.seconds
    return seconds


def _estimate(estimate: Estimate) -> Summary:
    return {
        "mean": estimate.mean,
        "se": estimate.se,
        "low": estimate.low,
        "high": estimate.high,
        "degrees_of_freedom": None if estimate.no_interval else estimate.degrees_of_freedom,
        "num_items": estimate.num_items,
        "num_videos": estimate.num_videos,
        "no_interval": estimate.no_interval,
    }


def _estimates(parts: Mapping[str, Estimate]) -> Summary:
    return {name: _estimate(estimate) for name, estimate in parts.items()}


def _count(values: Iterable[object]) -> dict[str, int]:
    return dict(sorted(Counter(map(str, values)).items()))


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return fmean(numbers) if numbers else None
