"""What `make acceptance` makes of its arguments, without a cluster; its steps are proven on one."""

from pathlib import Path

import pytest
import yaml

from tests.acceptance.__main__ import read_arguments, site_of
from tests.acceptance.site import ROOT

VALUES = {
    "image": {
        "cpu": {"repository": "registry.example/cpu", "tag": "7"},
        "gpu": {"repository": "registry.example/gpu"},
    },
    "objectStore": {"dataRoot": "s3://bucket/data", "secretName": "keys"},
}


def test_values_files_are_taken_as_helm_takes_them_the_last_one_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(yaml.safe_dump(VALUES))
    second.write_text(yaml.safe_dump({"image": {"cpu": {"tag": "8"}}}))
    asked = read_arguments(
        [
            "--values",
            str(first),
            "--values",
            str(second),
            "--videos",
            "s3://bucket/few",
            "--endpoint",
            "flyte:81",
        ]
    )
    site = site_of(asked, tmp_path)
    chart = yaml.safe_load((ROOT / "charts/videossr/Chart.yaml").read_text())
    assert site.images == ("registry.example/cpu:8", f"registry.example/gpu:{chart['appVersion']}")
    assert site.data_root.startswith("s3://bucket/data/acceptance/"), "it leaves real outputs alone"
    assert (site.execution_namespace, site.insecure) == ("videossr-development", True)
    assert site.values == [first, second]


@pytest.mark.parametrize("missing", ["--values", "--videos"])
def test_what_it_cannot_do_without_is_asked_for(
    missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--values": "values.yaml", "--videos": "s3://bucket/few"}
    with pytest.raises(SystemExit):
        read_arguments(
            [word for name, value in given.items() if name != missing for word in (name, value)]
        )
    assert missing in capsys.readouterr().err
