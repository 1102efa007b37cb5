"""The only home of vLLM: rollouts in this process, with the policy's weights pushed after every
update.

One request a prompt with n completions, so prefill and vision are shared by the group.
"""

import copy
import gc
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor

from tasks.core.config import VllmConfig
from tasks.core.errors import InputError
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.engine import Completion, SamplingParams
from tasks.rollout.inputs import video_metadata
from tasks.rollout.prompt import Prompt
from tasks.video.render import ShownVideo

_DISCARD_WEIGHTS = 2
"""vLLM's level of sleep that keeps no copy of the weights on the host: new ones come before it is
needed again."""


class VllmEngine:
    """A `RolloutEngine` with its own copy of the policy's weights."""

    def __init__(self, policy: Policy, config: VllmConfig) -> None:
        """Start vLLM.

        Raises:
            InputError: the number of ranks does not go with `tensor_parallel`; or tied embeddings
                on a CPU, of which vLLM keeps a packed copy that no push reaches (seen in 0.32.0:
                log-probs stay those of the old weights).
        """
        if policy.device.type == "cpu" and policy.model.config.tie_word_embeddings:
            raise InputError(
                "vLLM on a CPU cannot take new weights of a model with tied embeddings; use "
                "'transformers'"
            )
        # vLLM reads this when it starts: only inside one process can weights be handed over without
        # a copy to disk.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        import vllm
        import vllm.exceptions

        self._sampling_params: Any = vllm.SamplingParams
        self._refusal: type[Exception] = vllm.exceptions.VLLMValidationError
        on_cpu = policy.device.type == "cpu"
        self._sleeps = config.sleep and not on_cpu
        self._is_asleep = False
        self.ranks_together = _ranks_together(config.tensor_parallel)
        # The lowest bias that vLLM takes: it clamps them to -100 .. 100.
        self._banned = dict.fromkeys(vision_token_ids(policy), -100.0)
        dtype: Any = str(policy.model.dtype).removeprefix("torch.")
        # vLLM reads the folder while it starts, and not again.
        with tempfile.TemporaryDirectory(prefix="videossr-") as folder:
            _write(policy, Path(folder))
            self._llm: Any = vllm.LLM(
                model=folder,
                dtype=dtype,
                max_model_len=config.max_model_tokens,
                max_num_seqs=config.max_sequences,
                kv_cache_memory_bytes=int(config.cache_gib * 2**30),
                # vLLM makes n requests of one with n completions: only the prefix cache lets them
                # share the prompt.
                enable_prefix_caching=True,
                # A prompt prefilled in parts rewinds its generator, which a CPU generator cannot
                # do.
                enable_chunked_prefill=False,
                # Without chunked prefill the longest prompt has to fit into one batch, or vLLM
                # refuses to start.
                max_num_batched_tokens=max(config.max_batch_tokens, config.max_model_tokens),
                enforce_eager=config.eager or on_cpu,
                enable_sleep_mode=self._sleeps,
                # Else vLLM takes sampling defaults from the model's own generation_config.json.
                generation_config="vllm",
                seed=0,
                # Those of the distribution that tokens are drawn from: after temperature and banned
                # tokens.
                logprobs_mode="processed_logprobs",
                mm_processor_kwargs={"do_resize": False},  # frames have their final size
                # Positions of a jigsaw are single digits, so no question shows more than nine
                # videos.
                limit_mm_per_prompt={"video": 9, "image": 0},
                disable_log_stats=True,
                **_spread(config.tensor_parallel, self.ranks_together),
            )
        if on_cpu and self.ranks_together > 1:
            _forget_shared_memory()

    def generate(
        self, prompts: Sequence[Prompt], params: SamplingParams, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        """One group for each prompt, see `RolloutEngine`. vLLM gives completion i of a request the
        seed + i."""
        sampling = [self._params(params, seed) for seed in seeds]
        try:
            outputs = self._llm.generate(
                [_request(prompt) for prompt in prompts], sampling, use_tqdm=False
            )
        except self._refusal as error:
            raise ValueError(str(error)) from error
        groups = [[_completion(found) for found in output.outputs] for output in outputs]
        return (
            groups
            if params.temperature > 0
            else [group * params.num_completions for group in groups]
        )

    def prompt_token_ids(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """See `RolloutEngine`."""
        shortest = self._params(
            SamplingParams(num_completions=1, temperature=0.0, max_tokens=1), seed=0
        )
        outputs = self._llm.generate(
            [_request(prompt) for prompt in prompts], shortest, use_tqdm=False
        )
        return [tuple(output.prompt_token_ids) for output in outputs]

    def load_weights(self, named_tensors: Iterable[tuple[str, Tensor]]) -> None:
        """Take over the weights, and drop everything computed with the old ones."""
        if self._is_asleep:
            self._llm.wake_up()
            self._is_asleep = False
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": list(named_tensors)})
        self._llm.reset_prefix_cache()
        self._llm.reset_mm_cache()
        self._llm.llm_engine.reset_encoder_cache()

    def sleep(self) -> None:
        """Free the GPU's memory, weights included; nothing happens on a CPU, which vLLM cannot do
        it on."""
        if self._sleeps and not self._is_asleep:
            self._llm.sleep(level=_DISCARD_WEIGHTS)
            self._is_asleep = True

    def close(self) -> None:
        """Stop vLLM now: left to the garbage collector, it would take a later engine's process
        group with it."""
        self._llm.llm_engine.engine_core.shutdown()
        del self._llm
        gc.collect()

    def _params(self, params: SamplingParams, seed: int) -> Any:
        return self._sampling_params(
            n=params.num_completions
            if params.temperature > 0
            else 1,  # more greedy answers would be the same
            temperature=params.temperature,
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            repetition_penalty=1.0,
            max_tokens=params.max_tokens,
            # Ours have 63 bits; completion i gets the seed + i, which has to stay in 64 bits with a
            # sign.
            seed=seed % 2**62,
            # Of the sampled token alone, no others beside it.
            logprobs=0,
            logit_bias=self._banned,
            detokenize=True,
            skip_special_tokens=True,
        )


def _write(policy: Policy, folder: Path) -> None:
    """What vLLM starts from, on every rank: transformers' own `save_pretrained` writes on the first
    one only."""
    config = copy.deepcopy(policy.model.config)
    config.architectures = [type(policy.model).__name__]
    config.save_pretrained(folder)
    policy.processor.save_pretrained(folder)
    weights = {
        name: p.detach().to("cpu", copy=True).contiguous()
        for name, p in policy.model.named_parameters()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _ranks_together(tensor_parallel: int) -> int:
    """How many ranks of the process group hold one engine; alone, vLLM starts processes of its own
    for it."""
    num_ranks = dist.get_world_size() if dist.is_initialized() else 1
    if num_ranks > 1 and num_ranks % tensor_parallel:
        raise InputError(
            f"rollout.vllm.tensor_parallel: {num_ranks} processes train together, which do not "
            f"fall into engines of {tensor_parallel}; expected a divisor of {num_ranks}"
        )
    return tensor_parallel if num_ranks > 1 else 1


def _spread(tensor_parallel: int, ranks_together: int) -> dict[str, Any]:
    backend = {"distributed_executor_backend": "external_launcher"} if ranks_together > 1 else {}
    return {"tensor_parallel_size": tensor_parallel, **backend}


def _request(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": prompt.text,
        "multi_modal_data": {"video": [_video(video) for video in prompt.videos]},
    }


def _video(video: ShownVideo) -> tuple[Any, dict[str, Any]]:
    metadata = video_metadata(video)
    return video.frames, {
        "fps": metadata.fps,
        "frames_indices": list(metadata.frames_indices or []),
        "total_num_frames": metadata.total_num_frames,
        "duration": metadata.duration,
        "do_sample_frames": False,
    }


def _completion(found: Any) -> Completion:
    token_ids = tuple(found.token_ids)
    logprobs = tuple(
        step[token].logprob for token, step in zip(token_ids, found.logprobs, strict=True)
    )
    return Completion(
        token_ids=token_ids,
        logprobs=logprobs,
        text=found.text,
        truncated=found.finish_reason == "length",
    )


def _forget_shared_memory() -> None:
    """Drop the names of the memory through which ranks on CPUs talk, once all of them hold it.

    vLLM 0.32.0 gives it one name in every run of a launcher and never drops it: the machine's next
    run would not start.
    """
    dist.barrier()
    for name in Path("/dev/shm").glob("-*-cpushm_*"):
        name.unlink(missing_ok=True)
