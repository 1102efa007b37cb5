"""Rollouts with the policy's own weights: each prompt is prefilled once, and its keys and values
are kept once.

A group is one sequence with N branches: every step appends one token of each completion to the
group's cache, and a mask lets a completion see the prompt and its own tokens. Needs nothing but
torch, so it is what runs on a laptop; on a GPU node the vLLM engine is faster. Dimensions: G
groups, N completions a group, P prompt tokens, L of the group's cache, B = G * N, Z vocabulary.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache

from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.engine import Completion, SamplingParams
from tasks.rollout.inputs import PromptBatch, batch_prompts, encode_prompt
from tasks.rollout.prompt import Prompt


class TransformersEngine:
    """A `RolloutEngine` that shares the model object with the trainer, so an update reaches it at
    once."""

    ranks_together = 1

    def __init__(self, policy: Policy, prompts_per_batch: int) -> None:
        self._policy = policy
        self._prompts_per_batch = prompts_per_batch
        tokenizer = policy.processor.tokenizer
        self._end_id: int = tokenizer.eos_token_id
        self._banned_ids = vision_token_ids(policy)

    def generate(
        self, prompts: Sequence[Prompt], params: SamplingParams, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        """One group for each prompt, see `RolloutEngine`."""
        groups: list[list[Completion]] = []
        for start in range(0, len(prompts), self._prompts_per_batch):
            chosen = slice(start, start + self._prompts_per_batch)
            encoded = [encode_prompt(self._policy.processor, prompt) for prompt in prompts[chosen]]
            groups += self._generate_batch(
                batch_prompts(self._policy, encoded), params, seeds[chosen]
            )
        return groups

    def prompt_token_ids(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """See `RolloutEngine`."""
        encoded = [encode_prompt(self._policy.processor, prompt) for prompt in prompts]
        return [tuple(prompt.input_ids.tolist()) for prompt in encoded]

    def load_weights(self, named_tensors: Iterable[tuple[str, Tensor]]) -> None:
        """Copy weights in; a no-op for those that are the trainer's own tensors already."""
        own = dict(self._policy.model.named_parameters())
        with torch.no_grad():
            for name, tensor in named_tensors:
                if own[name].data_ptr() != tensor.data_ptr():
                    own[name].copy_(tensor)

    def sleep(self) -> None:
        """Nothing to free: no keys and values outlive a call."""

    def close(self) -> None:
        """Nothing to give back: the model is the trainer's."""

    @torch.no_grad()
    def _generate_batch(
        self, batch: PromptBatch, params: SamplingParams, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        self._policy.model.eval()
        num = params.num_completions
        # One each, so that a group does not depend on what stands beside it in the batch; on the
        # CPU, so that a seed means the same on every device.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        cache = DynamicCache(config=self._policy.model.config.get_text_config())
        logits = self._prefill(batch, cache).repeat_interleave(num, dim=0)
        # Text after a video goes on from the largest of its three positions.
        position = (batch.position_ids.amax(dim=(0, 2)) + 1)[:, None].expand(-1, num)
        tokens: list[Int[Tensor, " B"]] = []
        logprobs: list[Float[Tensor, " B"]] = []
        finished = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
        for step in range(params.max_tokens):
            token, logprob = self._sample(logits, params, generators)
            tokens.append(token)
            logprobs.append(logprob)
            # A branch that has ended is decoded on until all have; `_completion` cuts off what
            # follows.
            finished |= token == self._end_id
            if bool(finished.all()) or step == params.max_tokens - 1:
                break
            output = self._policy.model(
                input_ids=token.view(-1, num),
                attention_mask=_branch_mask(batch.attention_mask, num, step + 1),
                position_ids=(position + step).expand(3, -1, -1),
                past_key_values=cache,
                use_cache=True,
            )
            logits = output.logits.flatten(0, 1)
        completions = self._completions(torch.stack(tokens, dim=1), torch.stack(logprobs, dim=1))
        return [completions[start : start + num] for start in range(0, len(completions), num)]

    def _prefill(self, batch: PromptBatch, cache: DynamicCache) -> Float[Tensor, "G Z"]:
        output = self._policy.model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            position_ids=batch.position_ids,
            pixel_values_videos=batch.pixel_values,
            video_grid_thw=batch.grid_thw,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        # Padding is on the left, so the last column is the last token of every prompt.
        logits: Tensor = output.logits[:, -1]
        return logits

    def _sample(
        self,
        logits: Float[Tensor, "B Z"],
        params: SamplingParams,
        generators: Sequence[torch.Generator],
    ) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
        scaled = logits.float() / (params.temperature or 1.0)
        scaled[:, self._banned_ids] = -torch.inf
        chosen = scaled
        if params.temperature > 0:
            # Gumbel-max: adding this noise and taking the largest samples from the softmax.
            uniform = [
                torch.rand(params.num_completions, scaled.shape[1], generator=g) for g in generators
            ]
            # The generator may give 0, of which there is no logarithm.
            noise = torch.cat(uniform).to(scaled.device).clamp_min(torch.finfo(torch.float32).tiny)
            chosen = scaled - torch.log(-torch.log(noise))
        token = chosen.argmax(dim=-1)
        return token, scaled.log_softmax(dim=-1).gather(1, token[:, None])[:, 0]

    def _completions(
        self, tokens: Int[Tensor, "B T"], logprobs: Float[Tensor, "B T"]
    ) -> list[Completion]:
        return [
            self._completion(token_row, logprob_row)
            for token_row, logprob_row in zip(tokens.tolist(), logprobs.tolist(), strict=True)
        ]

    def _completion(self, tokens: list[int], logprobs: list[float]) -> Completion:
        truncated = self._end_id not in tokens
        length = len(tokens) if truncated else tokens.index(self._end_id) + 1
        text = self._policy.processor.tokenizer.decode(tokens[:length], skip_special_tokens=True)
        return Completion(
            token_ids=tuple(tokens[:length]),
            logprobs=tuple(logprobs[:length]),
            text=text,
            truncated=truncated,
        )


def _branch_mask(
    prompt_mask: Bool[Tensor, "G P"], num_completions: int, num_tokens: int
) -> Bool[Tensor, "G 1 N L"]:
    """What each completion's newest token sees: the prompt, and its own ones of `num_tokens` tokens
    a completion."""
    prompts = prompt_mask.bool()[:, None, None].expand(-1, 1, num_completions, -1)
    # Each step appended one token of every completion, so a completion's own are every N-th.
    own = torch.eye(num_completions, dtype=torch.bool, device=prompt_mask.device).repeat(
        1, num_tokens
    )
    return torch.cat([prompts, own.expand(len(prompts), 1, -1, -1)], dim=-1)
