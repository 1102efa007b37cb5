"""What the preview stage hands on."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreviewSet:
    """Samples to look at."""

    index: str
    """HTML page; its pictures and videos lie beside it."""
    num_samples: int
    num_fitting: int
    """Samples that fit the filter; beyond the limit they are not shown."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a sample could not be shown, by sample id."""
