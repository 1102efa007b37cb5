import json
from dataclasses import replace
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import InputError
from tasks.deployment.profile import DEFAULT, DEPLOYMENT_VARIABLE, read_deployment, travelling
from tasks.deployment.stage_task import is_transient
from tasks.tracking.run import start_run


def test_without_a_file_the_default_counts() -> None:
    assert read_deployment({}) == DEFAULT


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    changed = {
        "stages": {
            "train": {
                "gpus": 4,
                "tolerations": [{"key": "nvidia.com/gpu"}],
                "node_selector": {"pool": "gpu"},
            }
        },
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
        ({"stage": {}}, "'stage': unknown key, did you mean stages"),
        ({"stages": {"trian": {}}}, "'stages.trian': unknown key, did you mean stages.train"),
        (
            {"stages": {"train": {"gpu": 4}}},
            r"'stages.train.gpu': unknown key, did you mean stages.train.gpus\?",
        ),
        ({"stages": {"train": {"gpus": "many"}}}, r"stages.train.gpus: got 'many'"),
        ({"nightly": {"crontab": ""}}, "'nightly.crontab': unknown key"),
        ({"stages": {"cpu": {"tolerations": 3}}}, "stages.cpu.tolerations: got 3"),
        ({"stages": {"cpu": {"tolerations": ["a"]}}}, r"stages.cpu.tolerations\[0\]: got 'a'"),
        (
            {"stages": {"cpu": {"tolerations": [{"value": "a"}]}}},
            r"tolerations\[0\]: got .*, expected an object with key",
        ),
        (
            {"stages": {"cpu": {"tolerations": [{"kye": "a"}]}}},
            r"'stages.cpu.tolerations\[0\].kye': unknown key",
        ),
        (
            {"stages": {"cpu": {"tolerations": [{"key": 3}]}}},
            r"stages.cpu.tolerations\[0\].key: got 3",
        ),
        ({"pods": {"mounts": [3]}}, r"pods.mounts\[0\]: got 3"),
        ({"stages": {"gpu": {"nodes": 2}}}, r"stages.gpu.nodes: got 2, expected 1"),
        ({"stages": {"train": {"nodes": 0}}}, r"stages.train.nodes: got 0"),
        (
            {"stages": {"train": {"nodes": 10**30}}},
            r"nodes: got 10{30}, expected at least 1, at most 4096",
        ),
        ({"stages": {"train": {"gpus": 1e30}}}, r"stages.train.gpus: got 1e\+30"),
        (
            {"stages": {"train": {"gpus": 100_000}}},
            r"stages.train.gpus: got 100000, expected at least 0, at most 64",
        ),
        ({"stages": {"train": {"gpus": True}}}, "stages.train.gpus: got True"),
        ({"stages": {"train": {"gpus": "4"}}}, "stages.train.gpus: got '4'"),
        ({"stages": {"cpu": {"retries": -1}}}, "stages.cpu.retries: got -1, expected at least 0"),
        ({"stages": {"cpu": {"timeout_minutes": 0}}}, "stages.cpu.timeout_minutes: got 0"),
        (
            {"stages": {"cpu": {"memory": "much"}}},
            "stages.cpu.memory: got 'much', expected a quantity",
        ),
        (
            {"stages": {"cpu": {"cpu": "4Gi"}}},
            "stages.cpu.cpu: got '4Gi', expected a number of processors",
        ),
        (
            {"stages": {"cpu": {"cpus": "4"}}},
            r"'stages.cpu.cpus': unknown key, did you mean stages.cpu.cpu\?",
        ),
        ({"stages": {"cpu": {"node_selectors": {}}}}, r"did you mean stages.cpu.node_selector\?"),
        ({"stages": []}, "stages: got"),
        ({"stages": {"train": 3}}, "stages.train"),
        (
            {"nightly": {"cron": "every day"}},
            "nightly.cron: got 'every day', expected five fields as cron has them",
        ),
        ({"nightly": {"overrides": "{"}}, "nightly.overrides: cannot read '{' as JSON"),
        ({"nightly": {"videos": ""}}, "nightly.videos: got ''"),
        ({"nightli": {}}, r"'nightli': unknown key, did you mean nightly\?"),
        ('{"nightly": {}, "nightly": {}}', "nightly: the key is given twice"),
        ('{"min_success_ratio": NaN}', "min_success_ratio: got NaN"),
        ("[" * 100_000, "nested too deeply"),
        ({"min_success_ratio": True}, "min_success_ratio: got True"),
        ({"min_success_ratio": 2}, "min_success_ratio: got 2"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(
    tmp_path: Path, content: object, reason: str
) -> None:
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
        start_run(
            data_root, experiment="e", run_key="k", params={}, tracking_uri="http://127.0.0.1:9"
        )
    assert is_transient(no_mlflow.value)
    wrapped = OSError("could not be written")
    wrapped.__cause__ = ConnectionResetError()
    assert is_transient(wrapped)
    for error in (
        InputError("videos: no file"),
        ValueError("x"),
        FileNotFoundError("y"),
        MemoryError(),
    ):
        assert not is_transient(error)


@pytest.mark.parametrize("content", [{"size": "large"}, {"size": 3}])
def test_a_size_is_one_of_those_there_are(tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match=r"size: got .*, expected node or small"):
        read_deployment({DEPLOYMENT_VARIABLE: _write(tmp_path, content)})


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        (
            {"env": {"AWS_SECRET_ACCESS_KEY": "x"}},
            r"pods.env: AWS_SECRET_ACCESS_KEY looks like a secret",
        ),
        ({"env": {"PROXY": "http://user:pass@host"}}, r"pods.env: PROXY looks like a secret"),
        ({"env": {"a b": "x"}}, r"pods.env: got 'a b', expected the name of a variable"),
        ({"env": {DEPLOYMENT_VARIABLE: "{}"}}, r"pods.env: got 'VIDEOSSR_DEPLOYMENT'"),
        (
            {"mounts": [{"name": "v", "mountPath": "/v"}]},
            r"pods.mounts: got 'v', expected the name of one of",
        ),
        ({"secret": ["a"]}, r"did you mean pods.secrets\?"),
    ],
)
def test_what_pods_are_given_is_checked_and_nothing_secret_goes_in(
    tmp_path: Path, pods: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_deployment({DEPLOYMENT_VARIABLE: _write(tmp_path, {"pods": pods})})


_TOLERATIONS = st.lists(st.fixed_dictionaries({"key": st.sampled_from(["a", "b"])}), max_size=2)
_STAGE = st.fixed_dictionaries(
    {},
    optional={
        "gpus": st.integers(0, 8),
        "memory": st.sampled_from(["1Gi", "768Gi"]),
        "tolerations": _TOLERATIONS,
        "node_selector": st.dictionaries(st.sampled_from(["pool", "zone"]), st.text(max_size=3)),
        "priority_class": st.sampled_from(["", "high"]),
    },
)
_PODS = st.fixed_dictionaries(
    {},
    optional={
        "env": st.dictionaries(st.sampled_from(["A", "B_1"]), st.text(max_size=5)),
        "secrets": st.lists(st.sampled_from(["one", "two"]), max_size=2),
        "volumes": st.just([{"name": "v", "emptyDir": {}}]),
    },
)
_DEPLOYMENTS = st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from(["node", "small"]),
        "stages": st.dictionaries(st.sampled_from(list(DEFAULT.stages)), _STAGE),
        "pods": _PODS,
        "min_success_ratio": st.floats(0.01, 1),
        "nightly": st.just({"cron": "1 2 * * *"}),
    },
)


@given(_DEPLOYMENTS)
def test_what_a_task_carries_on_is_what_it_was_registered_with(content: dict[str, object]) -> None:
    found = read_deployment({DEPLOYMENT_VARIABLE: json.dumps(content)})
    carried = travelling(found)
    again = read_deployment({DEPLOYMENT_VARIABLE: carried})
    assert replace(again, nightly=found.nightly) == found
    assert travelling(again) == carried, (
        "or what a dynamic compiles in its pod would be another version"
    )
