"""The learning rate of each step: a function of the step alone, so a resumed run needs no state of a scheduler."""

import math

from tasks.core.config import TrainConfig


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Rises linearly over the warm-up steps, then stays or falls to 0 just after the last step; `step` is from 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.num_steps - config.warmup_steps)
    match config.learning_rate_decay:
        case "linear":
            return config.learning_rate * (1 - share)
        case "cosine":
            return config.learning_rate * (1 + math.cos(math.pi * share)) / 2
        case _:
            return config.learning_rate
