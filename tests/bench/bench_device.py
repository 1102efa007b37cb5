"""What a GPU does with a training step, in ten minutes on a bare machine: `python
tests/bench/bench_device.py`.

Needs torch, transformers, torchvision, numpy and safetensors, and no more. `tests/bench/README.md`
says what it answers; `tests/bench/device/plan.py` is the list of steps.
"""

import sys
from pathlib import Path

_REPO_ROOT = str(Path(__file__).resolve().parents[2])
if __name__ == "__main__":
    sys.path[0] = _REPO_ROOT  # in the place of this folder

from tests.bench.device.command import main  # noqa: E402


def test_device(tmp_path: Path) -> None:
    main(["--out", str(tmp_path)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
