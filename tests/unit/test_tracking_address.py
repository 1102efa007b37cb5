"""Addresses of MLflow servers, and how addresses are shown."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import InputError
from tasks.core.redact import redact
from tasks.deployment.profile import read_deployment
from tasks.promote.rollback import main as fetch
from tasks.tracking.address import log_in
from tasks.tracking.check import check_tracking
from tasks.tracking.run import start_run

WRONG = [
    *[
        "file:///x",
        "/x",
        "x",
        "./mlruns",
        "localhost:5000",
        "127.0.0.1:5000",
        "ftp://host/x",
        "databricks",
    ],
    *[
        "sqlite:////x/mlflow.db",
        "postgresql://me:s3cret@host/db",
        "http://",
        "http:///x",
        "http:/host",
        "https://:5000",
    ],
    *[
        "http://host:port",
        "http://host:99999",
        "http://host:0",
        "http://host:",
        "http://host:50 00",
        "http://ho st",
    ],
    *[
        "http://http://host",
        "http://host?token=s3cret",
        "http://host#x",
        "http://[::1",
        "http://host/\n/x",
    ],
    *[
        "http://me:s3cret@",
        "me:s3cret@host:5000",
        "http://me:s3cret/s3cret@host",
        "http://s3cret@host",
        "http://:s3cret@h",
    ],
    *["//me:s3cret@host", "http://me:s3cret@host:port", "http://me:s3cret@host@host:x"],
]


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(variable, "")
    monkeypatch.delenv("FLYTE_INTERNAL_EXECUTION_ID", raising=False)


@pytest.mark.parametrize("uri", WRONG)
def test_a_wrong_address_is_one_line_without_its_password_and_writes_nothing(
    uri: str, data_root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError) as checked:
        check_tracking(data_root, uri)
    with pytest.raises(InputError) as started:
        start_run(data_root, experiment="e", run_key="k", params={}, tracking_uri=uri)
    with pytest.raises(SystemExit):
        fetch(
            [
                "--model",
                "m",
                "--data-root",
                data_root,
                "--to",
                f"{data_root}/m",
                "--tracking-uri",
                uri,
            ]
        )
    for told in (str(checked.value), str(started.value), capsys.readouterr().err.strip()):
        assert told.startswith("tracking_uri: got ")
        assert "expected the address of an MLflow server" in told
        assert "\n" not in told
        assert "s3cret" not in told
    assert os.listdir(data_root) == []


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("", ""),
        ("http://localhost:5000", "http://localhost:5000"),
        ("HTTPS://mlflow.example/team/", "https://mlflow.example/team"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://me%40there:s3%2Fcret@host:5000", "http://host:5000"),
    ],
)
def test_an_address_is_parted_from_its_password(uri: str, address: str) -> None:
    assert log_in(uri) == log_in(address) == address
    expected = ("me@there", "s3/cret") if "@" in uri else ("", "")
    assert (
        os.environ["MLFLOW_TRACKING_USERNAME"],
        os.environ["MLFLOW_TRACKING_PASSWORD"],
    ) == expected


def test_in_a_pod_a_password_in_the_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "f1")
    with pytest.raises(InputError, match="the next pod would not get") as refused:
        log_in("http://me:s3cret@host:5000")
    assert "s3cret" not in str(refused.value)
    assert log_in("http://host:5000") == "http://host:5000"


def test_a_password_is_not_registered_with_a_launch_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = tmp_path / "deployment.json"
    deployment.write_text('{"nightly": {"tracking_uri": "http://me:s3cret@host:5000"}}')
    monkeypatch.setenv("VIDEOSSR_DEPLOYMENT", str(deployment))
    with pytest.raises(InputError, match="which Flyte would keep and show") as refused:
        read_deployment()
    assert "s3cret" not in str(refused.value)


_SECRET = st.text("abcXYZ019-_.~!$'()*+,;:@/?#%&=", min_size=1).map(
    lambda text: f"s3cret{text}s3cret"
)


@given(secret=_SECRET)
def test_no_address_shows_the_password_in_it(secret: str) -> None:
    told = redact(f"cannot open https://me:{secret}@host:80/v1 (see http://host:80/x@2.mp4): no")
    assert "s3cret" not in told
    assert told.endswith("@host:80/v1 (see http://host:80/x@2.mp4): no")


def test_signatures_of_links_are_hidden_and_the_rest_stays() -> None:
    link = "https://b.s3/v.mp4?X-Amz-Date=1&X-Amz-Signature=abc&X-Amz-Credential=def/x"
    assert (
        redact(link) == "https://b.s3/v.mp4?X-Amz-Date=1&X-Amz-Signature=***&X-Amz-Credential=***"
    )
    for plain in (
        "s3://bucket/a@b/c",
        "/data/x",
        "mail me@host: a://b",
        "gs://b/k=v?key",
        "http://h:1/a:b@c",
    ):
        assert redact(plain) == plain
