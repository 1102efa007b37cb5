"""Everything that a registration would put on a cluster: names are a contract with those who start
it there.

After a wanted change: UPDATE=1 pytest tests/contract/test_registered.py, and look at the
difference.
"""

import os
from pathlib import Path

import pytest

from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.registered import registered_text

pytestmark = pytest.mark.slow

_KEPT = Path(__file__).with_name("registered.txt")


def test_what_is_registered_is_what_was_registered(
    tmp_path: Path, pyflyte_env: dict[str, str]
) -> None:
    package = tmp_path / "package.tgz"
    images = ["--image=cpu:1", "--image=cpu=cpu:1", "--image=gpu=gpu:1"]
    done = run_pyflyte(
        ["--pkgs=workflows", "package", *images, f"--output={package}"], env=pyflyte_env
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = registered_text(package)
    if os.environ.get("UPDATE"):
        _KEPT.write_text(found)
    assert found == _KEPT.read_text()
