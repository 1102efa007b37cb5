"""What is installed is what was looked at: every package by version and hash, uv by version, and no
index named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.image import IMAGES
from tests.helpers.installs import installs, uv
from tests.helpers.pyflyte import REPO_ROOT

CONSTRAINTS = sorted(REPO_ROOT.glob("constraints*.txt"))
_PACKAGE = re.compile(
    r"[a-z0-9][a-z0-9.-]*==[^\s:/]+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
)


@pytest.mark.parametrize("file", CONSTRAINTS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_its_hashes_and_no_address_is_named(file: Path) -> None:
    text = file.read_text()
    assert _PACKAGE.sub("", text) == ""
    assert len(_PACKAGE.findall(text)) > 200


def test_make_and_the_images_install_with_one_uv_and_refuse_what_has_no_hash() -> None:
    makefile = (REPO_ROOT / "Makefile").read_text()
    (version,) = re.findall(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert "install --quiet --disable-pip-version-check uv==$(UV_VERSION)\n" in makefile
    assert re.search(
        r"^PACKAGES := .* --require-hashes .*-c constraints.txt", makefile, re.MULTILINE
    )
    for dockerfile in IMAGES:
        assert set(re.findall(r"\buv==(\S+)", dockerfile.read_text())) == {version}
        packages, project = installs(dockerfile)
        assert {"--require-hashes", "-c"} <= set(packages)
        assert {"--no-deps", "--build-constraints"} <= set(project)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "without"])
def test_a_package_whose_hash_is_another_or_none_is_not_installed(
    tmp_path: Path, damage: str
) -> None:
    """As the images and make install: the project's own requirements, under constraints with
    hashes."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\ndependencies = ["iniconfig"]\n'
    )
    (pinned,) = re.findall(
        r"(?m)^iniconfig==.*\n(?:    --hash.*\n)+", (REPO_ROOT / "constraints.txt").read_text()
    )
    constraints, environment = tmp_path / "constraints.txt", tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    install = [
        "pip",
        "install",
        "--python",
        str(environment / "bin" / "python"),
        "--no-cache",
        "--require-hashes",
    ]
    install += ["-r", str(tmp_path / "pyproject.toml"), "-c", str(constraints)]
    constraints.write_text(pinned)
    assert uv([*install, "--dry-run"]).returncode == 0
    damaged = (
        re.sub(r"sha256:....", "sha256:0000", pinned)
        if damage == "changed"
        else pinned.split(" \\")[0] + "\n"
    )
    constraints.write_text(damaged)
    refused = uv(install)
    assert refused.returncode != 0
    assert (
        "Hash mismatch" if damage == "changed" else "no trusted hash was provided"
    ) in refused.stderr
    assert not list(environment.glob("lib/*/site-packages/iniconfig"))
