"""The summary as metrics, for the run's record."""

from tasks.core.scores import AFTER
from tasks.promote.summary import Summary


def closing_metrics(summary: Summary) -> dict[str, float]:
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
                if "greedy" in score:
                    metrics[f"{group}_greedy/{model}"] = score["greedy"]["mean"]
                metrics |= {
                    f"{group}_{model}/{part}": value["mean"] for part, value in score[parts].items()
                }
    for name, found in summary["benchmarks"].items():
        metrics |= _benchmark_metrics(f"benchmark_{name}", found)
    for place, found in summary["controls"].items():
        metrics |= _control_metrics(f"controls_{place}", found)
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


def _control_metrics(group: str, found: Summary) -> dict[str, float | None]:
    """Of a place, then of its parts: gains, and what they are over."""
    metrics: dict[str, float | None] = {f"{group}/{n}": v for n, v in _beside(found).items()}
    for name, gain in _gains_over(found).items():
        metrics |= _interval_metrics(f"{group}/{name}", gain)
    for part, of in found["by_part"].items():
        metrics[f"{group}_constant/{part}"] = of["constant"]["mean"]
        metrics |= {f"{group}_{n}/{part}": gain["mean"] for n, gain in _gains_over(of).items()}
    return metrics


def _beside(found: Summary) -> dict[str, float | None]:
    blind = {f"blind_{name}": score["mean"] for name, score in found["blind"].items()}
    return {"chance": found["chance"], "constant": found["constant"]["mean"], **blind}


def _gains_over(found: Summary) -> dict[str, Summary]:
    gains = {f"gain_by_seeing_{name}": gain for name, gain in found["gain_by_seeing"].items()}
    return {"over_constant": found["over_constant"], **gains}


def _interval_metrics(name: str, estimate: Summary) -> dict[str, float | None]:
    """The ends of no interval are null, and left out in the end."""
    return {
        name: estimate["mean"],
        f"{name}_low": estimate["low"],
        f"{name}_high": estimate["high"],
    }
