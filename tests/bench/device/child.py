"""One step in its own process: says what it finds into the pipe that it was given.

python -m tests.bench.device.child MODULE.FUNCTION --report=FD --seconds=S [--tiny] [--layers=N] [--facts=JSON]
"""

import argparse
import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from importlib import import_module

from tests.bench.device.bare import stand_in_for_jaxtyping
from tests.bench.device.report import Report, one_line

_TELL_BEFORE_SECONDS = 2.0
"""A process that hangs says where, shortly before it is ended."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("function")
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--facts", type=json.loads, default={})
    arguments = parser.parse_args()
    ends_at = time.monotonic() + arguments.seconds
    _end_with_parent()
    faulthandler.dump_traceback_later(max(1.0, arguments.seconds - _TELL_BEFORE_SECONDS), exit=False)
    with os.fdopen(arguments.report, "w") as file:
        report = Report(file, ends_at)
        try:
            _do(report, arguments)
        except BaseException as error:
            traceback.print_exc()
            print(one_line(error), file=sys.stderr, flush=True)
            raise SystemExit(1) from None
    faulthandler.cancel_dump_traceback_later()


def _do(report: Report, arguments: argparse.Namespace) -> None:
    print(f"\n#### {arguments.function}", file=sys.stderr, flush=True)
    stand_in_for_jaxtyping()
    from tests.bench.device.setting import make_setting

    module, function = arguments.function.split(".")
    setting = make_setting(arguments.facts, layers=arguments.layers, tiny=arguments.tiny)
    getattr(import_module(f"tests.bench.device.{module}"), function)(setting, report)


def _end_with_parent() -> None:
    """A bench that was killed must not leave its step on the card."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
