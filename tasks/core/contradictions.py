"""Settings that are right by themselves and wrong together, or here: refused before the first video
is read.

They are wrong for some jobs only. Others may be given the same configuration (to score a model in
another dtype), so it is not the configuration itself that refuses them.
"""

import importlib.util
import os
from collections.abc import Iterator

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError


def check_split(config: RetrainConfig, *, trains: bool) -> None:
    """Check that there will be clips for training, if the job or its manifests need any.

    Raises:
        InputError: all would be held out.
    """
    if not config.ingest.for_training and (trains or config.validate.needs_training_split):
        raise InputError(
            "config ingest.for_training: got False, which holds all clips out, and this job needs "
            "some for training; leave it True"
        )


def check_training(config: RetrainConfig) -> None:
    """Check that a job can train with these settings.

    Raises:
        InputError: two of them contradict each other; names both.
    """
    for problem in _contradictions(config):
        raise InputError(f"config {problem}")


def check_installed(config: RetrainConfig) -> None:
    """Check that the engine is installed; on a cluster this process may run in an image of another
    stage.

    Raises:
        InputError: it is not.
    """
    is_here = "FLYTE_INTERNAL_EXECUTION_ID" not in os.environ
    if is_here and config.rollout.engine == "vllm" and importlib.util.find_spec("vllm") is None:
        raise InputError(
            "config rollout.engine: got 'vllm', which is not installed here; install the extra "
            "'gpu' (or 'cpu') of this project, or take 'transformers'"
        )


def _contradictions(config: RetrainConfig) -> Iterator[str]:
    train, rollout, dtype = config.train, config.rollout, config.model.dtype
    together = rollout.vllm.tensor_parallel
    if dtype == "float16":
        yield (
            "model.dtype: got 'float16', whose gradients underflow; expected bfloat16 or "
            "float32 to train"
        )
    if train.zero_stage == 0 and dtype != "float32":
        yield (
            f"train.zero_stage: got 0 with model.dtype {dtype!r}, which keeps no float32 weights "
            "to update; expected 1, 2 or 3"
        )
    if train.zero_stage == 0 and train.offload_optimizer:
        yield (
            "train.zero_stage: got 0 with train.offload_optimizer, which works from stage 1 on; "
            "expected 1, 2 or 3"
        )
    # Several processes share engines between them; for a single one vLLM starts its own.
    if rollout.engine == "vllm" and train.processes > 1 and train.processes % together:
        yield (
            f"rollout.vllm.tensor_parallel: got {together} with train.processes "
            f"{train.processes}, which do not fall into engines of {together}; expected a divisor "
            f"of {train.processes}"
        )
    if rollout.engine == "vllm" and rollout.max_answer_tokens >= rollout.vllm.max_model_tokens:
        yield (
            f"rollout.max_answer_tokens: got {rollout.max_answer_tokens} with "
            f"rollout.vllm.max_model_tokens {rollout.vllm.max_model_tokens}, which leaves no room "
            "for a prompt; expected fewer"
        )
