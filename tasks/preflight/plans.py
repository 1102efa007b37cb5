"""Which launch plans are active: those named, at this version, and none else of ours. One line
each.

    python -m tasks.preflight.plans --version 0.1.0-ab12cd34ef --activate retrain_nightly
    python -m tasks.preflight.plans --none

The chart runs the first after every installation, upgrade and rollback, the second before an
uninstallation: what is active in Flyte follows its values. Saying the same twice changes nothing.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2

from tasks.core.errors import InputError
from tasks.core.suggest import suggest
from tasks.deployment.flyte import connect
from tasks.preflight.flyte import ask

PLANS = (
    "retrain_manual",
    "build_dataset",
    "evaluate_model",
    "retrain_nightly",
    "retrain_on_arrival",
)
"""The launch plans that are ours: those of `workflows.launch_plans`, which a stage cannot
import."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what became of each plan. Returns 2 for what cannot be done, 1 where Flyte does not
    answer."""
    asked = _read(arguments)
    try:
        _check_names(asked.activate)
        for line in _settle(
            Plans(connect(), asked.project, asked.domain), asked.activate, asked.version
        ):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except (InputError, ConnectionError, ValueError) as error:
        sys.stdout.write(f"{error}\n")
        return 2 if isinstance(error, InputError) else 1
    return 0


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.preflight.plans", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--project", default="videossr")
    parser.add_argument("--domain", default="production")
    parser.add_argument("--version", default="", help="as registered; for --activate")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--activate", nargs="*", metavar="NAME", help=", ".join(PLANS))
    which.add_argument(
        "--none", action="store_const", const=[], dest="activate", help="none of them stays active"
    )
    asked = parser.parse_args(arguments)
    if asked.activate and not asked.version:
        parser.error("--activate needs --version")
    return asked


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name not in PLANS:
            meant = suggest(name, PLANS)
            raise InputError(
                f"no launch plan {name!r}{f', did you mean {meant}?' if meant else ''}; expected "
                f"{', '.join(PLANS)}"
            )


class Plans:
    """The launch plans of one project and domain, as Flyte has them."""

    def __init__(self, client: Any, project: str, domain: str) -> None:
        self._client, self._place = client, {"project": project, "domain": domain}

    def __str__(self) -> str:
        return "/".join(self._place.values())

    def active(self, name: str) -> Any | None:
        """The version of `name` that is active; at most one is."""
        named = common_pb2.NamedEntityIdentifier(name=name, **self._place)
        request = launch_plan_pb2.ActiveLaunchPlanRequest(id=named)
        return ask(self._client, self._client.raw.get_active_launch_plan, request)

    def registered(self, name: str, version: str) -> Any:
        """Raises InputError if there is none."""
        identifier = identifier_pb2.Identifier(
            resource_type=identifier_pb2.LAUNCH_PLAN, name=name, version=version, **self._place
        )
        found = ask(
            self._client,
            self._client.raw.get_launch_plan,
            common_pb2.ObjectGetRequest(id=identifier),
        )
        if found is None:
            raise InputError(
                f"{self} has no launch plan {name} of version {version!r}: register that version "
                "first"
            )
        return found

    def set_state(self, plan: Any, state: int) -> None:
        """Activating a version ends the one that was active."""
        request = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan.id, state=state)
        ask(self._client, self._client.raw.update_launch_plan, request)


def _settle(plans: Plans, names: Sequence[str], version: str) -> Iterator[str]:
    """Everything is looked up before anything is changed."""
    wanted = [plans.registered(name, version) for name in names]
    active = {name: found for name in PLANS if (found := plans.active(name)) is not None}
    others = [found for name, found in active.items() if name not in names]
    for plan in wanted:
        if plan.id.name not in active or active[plan.id.name].id.version != version:
            plans.set_state(plan, launch_plan_pb2.ACTIVE)
        yield _line("activated", plan)
    for plan in others:
        plans.set_state(plan, launch_plan_pb2.INACTIVE)
        yield _line("deactivated", plan)
    if not wanted and not others:
        yield f"no launch plan of ours is active in {plans}"


def _line(state: str, plan: Any) -> str:
    # Protobuf has an empty text where a plan has no schedule.
    cron = plan.spec.entity_metadata.schedule.cron_schedule.schedule
    return (
        f"{state:<12} {plan.id.name:<18} "
        f"{plan.id.version}{f' ({cron})' if cron and state == 'activated' else ''}"
    )


if __name__ == "__main__":
    sys.exit(main())
