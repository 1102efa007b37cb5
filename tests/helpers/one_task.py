"""A registered task outside of a workflow: its command line, and its inputs as Flyte writes them.
Run as a program.

`python -m tests.helpers.one_task FOLDER` reads a GrpoJob from `FOLDER/job.json` and writes
`inputs.pb` and
`command.json` there, with what the environment's deployment registers.
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path

from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.tools.translator import get_serializable
from google.protobuf.json_format import MessageToDict
from pydantic import TypeAdapter

from tasks.core.config import RetrainConfig
from tasks.core.records import DataSet, Job
from tasks.train.job import GrpoJob
from tasks.train.task import train_policy


def main(folder: Path) -> None:
    job = TypeAdapter(GrpoJob).validate_json((folder / "job.json").read_bytes())
    config = RetrainConfig(model=job.model, rollout=job.rollout, train=job.config)
    inputs = {
        "policy": job.start,
        "samples": job.samples,
        "data": DataSet(clips=job.clips),
        "job": Job(job.run, config),
        "first_step": 0,
    }
    context = FlyteContextManager.current_context()
    types = train_policy.python_interface.inputs
    literals = TypeEngine.dict_to_literal_map(context, inputs, types)
    (folder / "inputs.pb").write_bytes(literals.to_flyte_idl().SerializeToString())
    images = ImageConfig(
        images=[Image(name=name, fqn="example", tag="1") for name in ("cpu", "gpu")]
    )
    settings = SerializationSettings(image_config=images, project="p", domain="d", version="v")
    template = get_serializable(OrderedDict(), settings, train_policy).template
    (container,) = template.k8s_pod.pod_spec["containers"]
    command = {
        "args": container["args"],
        "type": template.type,
        "custom": MessageToDict(template.to_flyte_idl().custom),
    }
    (folder / "command.json").write_text(json.dumps(command, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
