import json
import subprocess
import sys
from pathlib import Path

import boto3
import botocore.exceptions
import pytest

from tasks.core.errors import InputError
from tasks.deployment.profile import DEFAULT, DEPLOYMENT_VARIABLE, read_deployment
from tasks.deployment.transient import is_transient
from tasks.tracking.run import start_run
from tests.helpers.pyflyte import REPO_ROOT


def test_without_a_file_the_default_counts() -> None:
    assert read_deployment({}) == DEFAULT


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    changed = {
        "stages": {"train": {"gpus": 4, "tolerations": [{"key": "nvidia.com/gpu"}], "node_selector": {"pool": "gpu"}}},
        "nightly": {"cron": "0 1 * * *"},
        "min_success_ratio": 0.5,
    }
    found = read_deployment({DEPLOYMENT_VARIABLE: _write(tmp_path, changed)})
    assert found.stages["train"].gpus == 4
    assert found.stages["train"].memory == DEFAULT.stages["train"].memory
    assert found.stages["train"].tolerations[0].effect == "NoSchedule"
    assert found.stages["cpu"] == DEFAULT.stages["cpu"]
    assert (found.nightly.cron, found.nightly.preset) == ("0 1 * * *", "videossr_8b")
    assert found.min_success_ratio == 0.5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot read"),
        ([], "expected a JSON object"),
        ({"stage": {}}, "unknown 'stage'"),
        ({"stages": {"trian": {}}}, "unknown 'stages.trian'"),
        ({"stages": {"train": {"gpu": 4}}}, r"stages.train.gpu: got 4"),
        ({"stages": {"train": {"gpus": "many"}}}, r"stages.train.gpus: got 'many'"),
        ({"nightly": {"crontab": ""}}, "nightly.crontab"),
        ({"stages": {"gpu": {"nodes": 2}}}, r"stages.gpu.nodes: got 2, expected 1"),
        ({"stages": {"train": {"nodes": 0}}}, r"stages.train.nodes: got 0"),
        (
            {"stages": {"train": {"nodes": 10**30}}},
            r"nodes: got 10{30}, expected at least 1, at most 4096",
        ),
        ({"stages": {"train": {"gpus": 1e30}}}, r"stages.train.gpus: got 1e\+30"),
        ({"stages": {"train": {"gpus": 100_000}}}, r"stages.train.gpus: got 100000, expected at least 0, at most 64"),
        ({"stages": {"train": {"gpus": True}}}, "stages.train.gpus: got True"),
        ({"stages": {"train": {"gpus": "4"}}}, "stages.train.gpus: got '4'"),
        ({"stages": {"cpu": {"retries": -1}}}, "stages.cpu.retries: got -1, expected at least 0"),
        ({"stages": {"cpu": {"timeout_minutes": 0}}}, "stages.cpu.timeout_minutes: got 0"),
        ({"stages": {"cpu": {"memory": "much"}}}, "stages.cpu.memory: got 'much', expected a quantity"),
        ({"stages": {"cpu": {"cpus": "4"}}}, r"stages.cpu.cpus: got '4': .*, did you mean stages.cpu.cpu\?"),
        ({"stages": {"cpu": {"node_selectors": {}}}}, r"did you mean stages.cpu.node_selector\?"),
        ({"stages": []}, "stages: got"),
        ({"stages": {"train": 3}}, "stages.train"),
        ({"nightly": {"cron": "every day"}}, "nightly.cron: got 'every day', expected five fields as cron has them"),
        ({"nightly": {"overrides": "{"}}, "nightly.overrides: cannot read '{' as JSON"),
        ({"nightly": {"videos": ""}}, "nightly.videos: got ''"),
        ({"nightli": {}}, r"unknown 'nightli', did you mean nightly\?"),
        ('{"nightly": {}, "nightly": {}}', "nightly: the key is given twice"),
        ('{"min_success_ratio": NaN}', "min_success_ratio: got NaN"),
        ("[" * 100_000, "nested too deeply"),
        ({"min_success_ratio": True}, "min_success_ratio: got True"),
        ({"min_success_ratio": 2}, "min_success_ratio: got 2"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        read_deployment({DEPLOYMENT_VARIABLE: _write(tmp_path, content)})
    assert len(str(caught.value).splitlines()) == 1
    assert "deployment.json" in str(caught.value)


def _write(tmp_path: Path, content: object) -> str:
    path = tmp_path / "deployment.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_what_did_not_answer_is_tried_again_and_bad_input_is_not(
    data_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # one refusal says as much as many
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(botocore.exceptions.BotoCoreError) as unreachable:
        boto3.client("s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1",
                     aws_access_key_id="a", aws_secret_access_key="b").list_buckets()  # fmt: skip
    assert is_transient(unreachable.value)
    with pytest.raises(InputError) as no_mlflow:
        start_run(data_root, experiment="e", run_key="k", params={}, tracking_uri="http://127.0.0.1:9")
    assert is_transient(no_mlflow.value)
    wrapped = OSError("could not be written")
    wrapped.__cause__ = ConnectionResetError()
    assert is_transient(wrapped)
    for error in (InputError("videos: no file"), ValueError("x"), FileNotFoundError("y"), MemoryError()):
        assert not is_transient(error)


@pytest.mark.slow
def test_a_pod_template_carries_tolerations_and_selector(tmp_path: Path) -> None:
    changed = {"stages": {"gpu": {"tolerations": [{"key": "nvidia.com/gpu"}], "node_selector": {"pool": "a"}}}}
    program = (
        "from tasks.evaluate.task import answer_shard as t; spec = t.pod_template.pod_spec;"
        "print(spec.node_selector, spec.tolerations[0].key, spec.tolerations[0].effect)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPO_ROOT, capture_output=True, text=True, check=True,
        env={DEPLOYMENT_VARIABLE: _write(tmp_path, changed), "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "{'pool': 'a'} nvidia.com/gpu NoSchedule"
