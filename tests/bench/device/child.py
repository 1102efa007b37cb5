"""One step in its own process: imports, waits for its turn, says what it finds into the pipe that
it was given.

`python -m tests.bench.device.child MODULE.FUNCTION --report=FD`; its turn is a line of JSON from
standard input.
"""

import argparse
import json
import os
import sys
import threading
import time
import traceback
from importlib import import_module

from tests.bench.device.bare import stand_in_for_jaxtyping
from tests.bench.device.report import Report, one_line


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("function")
    parser.add_argument("--report", type=int, required=True)
    arguments = parser.parse_args()
    with os.fdopen(arguments.report, "w") as file:
        try:
            _do(Report(file), arguments.function)
        except BaseException as error:
            traceback.print_exc()
            print(one_line(error), file=sys.stderr, flush=True)
            raise SystemExit(1) from None


def _do(report: Report, name: str) -> None:
    stand_in_for_jaxtyping()
    from tests.bench.device.setting import make_setting

    module, function = name.split(".")
    step = getattr(import_module(f"tests.bench.device.{module}"), function)
    turn = json.loads(sys.stdin.readline() or "null")
    if turn is None:  # nobody wants it any more
        return
    report.ends_at = time.monotonic() + turn["seconds"]
    # Only from here on is the device touched: until now it belonged to the step before.
    step(
        make_setting(turn["facts"], layers=turn.get("layers"), tiny=turn.get("tiny", False)), report
    )
    report.finished()


def end_with_parent() -> None:
    """A bench that was killed must not leave its step on the card."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
