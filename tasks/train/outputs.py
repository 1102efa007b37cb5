"""What the train stage hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class WarmStarted:
    """The policy that calibration measures and GRPO starts from."""

    policy: Artifact
    """Folder in Hugging Face layout, or a hub model (see `tasks.policy.checkpoint.hub_artifact`)."""
    report: StageReport
