"""What a cluster starts: by hand, and every night. Registered with the workflows, activated by the
chart.

pyflyte launchplan --activate retrain_nightly VERSION
"""

from flytekit import LaunchPlan
from flytekit.core.schedule import CronSchedule
from flytekit.models.concurrency import ConcurrencyLimitBehavior, ConcurrencyPolicy

from tasks.deployment.stage_task import deployment
from workflows import build_dataset as datasets
from workflows import evaluate_model as benchmarks
from workflows.retrain import retrain
from workflows.retrain_if_new import retrain_if_new

_nightly = deployment().nightly

_places = {"data_root": _nightly.data_root, "tracking_uri": _nightly.tracking_uri}

retrain_manual = LaunchPlan.get_or_create(
    retrain, name="retrain_manual", default_inputs={"preset": _nightly.preset, **_places}
)
build_dataset = LaunchPlan.get_or_create(
    datasets.build_dataset,
    name="build_dataset",
    default_inputs={"preset": _nightly.preset, **_places},
)
evaluate_model = LaunchPlan.get_or_create(
    benchmarks.evaluate_model,
    name="evaluate_model",
    default_inputs={"preset": _nightly.preset, **_places},
)
_fixed = {
    "videos": _nightly.videos,
    "preset": _nightly.preset,
    "overrides": _nightly.overrides,
    **_places,
}
# Skipped and not queued: the next start sees what has come meanwhile.
_one_at_a_time = ConcurrencyPolicy(max_concurrency=1, behavior=ConcurrencyLimitBehavior.SKIP)

retrain_nightly = LaunchPlan.get_or_create(
    retrain,
    name="retrain_nightly",
    schedule=CronSchedule(schedule=_nightly.cron),
    # Fixed, so that nobody can start the scheduled run with other data.
    fixed_inputs=_fixed,
    concurrency=_one_at_a_time,
)
retrain_on_arrival = LaunchPlan.get_or_create(
    retrain_if_new,
    name="retrain_on_arrival",
    schedule=CronSchedule(schedule=_nightly.arrival_cron),
    fixed_inputs=_fixed,
    concurrency=_one_at_a_time,
)
