"""Two optimizer steps of GRPO and of the warm start: metrics, gradients by part of the model, and
the weights after."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from tests.helpers.clips import make_clip, store_clip
from tests.records.model import fixed_policy, fresh_copy
from tests.records.product.data import PerturbConfig, Sample, Store, TrainConfig, plan_samples
from tests.records.product.policy import (
    Completion,
    NotingEngine,
    Policy,
    Prompt,
    SamplingParams,
    grpo_over,
    warm_start_losses,
)
from tests.records.record import Tolerance

TOLERANCE = Tolerance(
    relative=2e-4,
    absolute=1e-7,
    why="float32 through the whole model, and Adam divides gradients by their size; "
    "1e-5 of the number and 4e-9 was the most seen",
)
WARM_TOLERANCE = Tolerance(
    relative=1e-5,
    absolute=1e-6,
    why="float32 through the whole model, whose first weights are drawn by torch; 2e-7 of the "
    "number was the most seen",
)
_USUAL = TrainConfig(
    num_steps=4,
    prompts_per_step=3,
    learning_rate=1e-3,
    kl_coefficient=0.05,
    gradient_checkpointing=False,
    zero_stage=0,
    prefetch_workers=0,
    warmup_steps=1,
    learning_rate_decay="cosine",
)
CONFIGS: Mapping[str, TrainConfig] = {
    "usual": _USUAL,
    "small micro-batches, checkpointed": replace(
        _USUAL, microbatch_tokens=1, gradient_checkpointing=True
    ),
    "strict": replace(_USUAL, reward="strict"),
    "sequence, bare advantages": replace(_USUAL, loss_average="sequence", divide_by_std=False),
    "constant, no KL": replace(_USUAL, loss_average="constant", kl_coefficient=0.0),
    "three updates": replace(_USUAL, updates_per_batch=3, ratio_cap=1.2, ratio_clip_high=0.28),
    "flat groups dropped": replace(_USUAL, flat_groups="drop", max_grad_norm=0.1),
    "flat groups resampled": replace(_USUAL, flat_groups="resample", freeze_vision=True),
    "LoRA": replace(_USUAL, lora_rank=4, lora_alpha=8.0),
}
_WITH_EVERY_SEED = ("usual", "three updates", "LoRA")
_TEXTS = {
    "grounding": ("1.0-2.0", "0.5-3.5", "when", "2.0-2.5"),
    "counting": ("1,1,1", "2,1,1", "1,1", "1, 2, 1"),
    "jigsaw": ("2,1", "2,1", "2,1", "2,1"),  # not the format: a group without spread
    "marks": ("12", "21", "2", "1 2"),
}
_OLD_LOGPROB = -5.5
_PARTS = (
    "patch_embed",
    "pos_embed",
    "blocks",
    "deepstack",
    "merger",
    "embed_tokens",
    "layers.0",
    "layers.1",
    "lm_head",
)
_WATCHED = (
    "layers.1.mlp.down_proj.weight",
    "layers.0.self_attn.q_proj",
    "lm_head.weight",
    "merger.linear_fc2.weight",
)
_NOT_KEPT = ("seconds", "peak_mib", "mfu")


def grpo(seed: int, folder: Path) -> object:
    """Each configuration over the same three groups: the answers are given, so nothing depends on
    sampling."""
    chosen = CONFIGS if seed == 0 else _WITH_EVERY_SEED
    return {
        name: _two_steps(CONFIGS[name], seed, folder / str(place))
        for place, name in enumerate(chosen)
    }


def warm_start(seed: int, folder: Path) -> object:
    """Loss and gradient norm of three steps from the small model's own first weights."""
    store = Store(str(folder))
    clips = [
        store_clip(store, make_clip(name, num_frames=8), seed=place)
        for place, name in enumerate("ab")
    ]
    config = PerturbConfig(
        levels=(0.0,), train_samples_per_clip=(2, 1, 2), heldout_samples_per_clip=(1, 1, 1)
    )
    return warm_start_losses(
        store, plan_samples(clips, config, seed), clips, num_steps=3, seed=seed
    )


class _Given:
    """A rollout engine that says what it was given, by the pretext task of the question."""

    ranks_together = 1

    def __init__(self, policy: Policy, texts: Mapping[str, tuple[str, ...]]) -> None:
        self._tokenizer, self._texts = policy.processor.tokenizer, texts

    def generate(
        self, prompts: Sequence[Prompt], params: SamplingParams, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        return [[self._completion(text) for text in self._said(prompt)] for prompt in prompts]

    def prompt_token_ids(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        raise NotImplementedError("nobody asks in training")

    def load_weights(self, named_tensors: Iterable[tuple[str, Tensor]]) -> None:
        for _ in named_tensors:
            pass

    def sleep(self) -> None: ...

    def close(self) -> None: ...

    def _said(self, prompt: Prompt) -> tuple[str, ...]:
        [found] = [texts for question, texts in self._texts.items() if question in prompt.text]
        return found

    def _completion(self, text: str) -> Completion:
        ids = (*self._tokenizer.encode(text), self._tokenizer.eos_token_id)
        logprobs = tuple(_OLD_LOGPROB + 0.2 * (place % 3) for place in range(len(ids)))
        return Completion(token_ids=ids, logprobs=logprobs, text=text, truncated=False)


def _two_steps(config: TrainConfig, seed: int, folder: Path) -> object:
    folder.mkdir()
    store = Store(str(folder))
    clips = [store_clip(store, make_clip(num_frames=8), seed=seed)]
    *samples, spare = _samples(clips, seed)
    policy = fresh_copy(seed)
    texts = {sample.question: _TEXTS[sample.pretext] for sample in (*samples, spare)}
    trainer = grpo_over(
        policy, fixed_policy(seed + 10), _Given(policy, texts), store, clips, config, seed
    )
    before = _weights(policy)
    first = _step(trainer.step(0, samples, [spare]))
    gradients = _gradients(trainer.engine, policy)
    second = _step(trainer.step(1, samples, [spare]))
    moved = {name: weight - before[name] for name, weight in _weights(policy).items()}
    trainer.engine.close()
    return {
        "step 0": first,
        "gradients of step 0": gradients,
        "step 1": second,
        "weights moved": _by_part(moved),
    }


def _samples(clips: list[Any], seed: int) -> list[Sample]:
    """One of each pretext task, all at the easiest level; the last one stands by."""
    config = PerturbConfig(
        pretexts=("grounding", "counting", "jigsaw", "marks"),
        levels=(0.0,),
        train_samples_per_clip=(1, 1, 1, 1),
        heldout_samples_per_clip=(1, 1, 1, 1),
    )
    return plan_samples(clips, config, seed)


def _step(row: Any) -> dict[str, Any]:
    """What does not depend on the clock or the machine."""
    return {name: value for name, value in asdict(row).items() if not name.startswith(_NOT_KEPT)}


def _gradients(engine: NotingEngine, policy: Policy) -> object:
    """Of the first update of the first step, before clipping."""
    found = engine.gradients[0]
    watched = {}
    for name, gradient in found.items():
        if any(part in name for part in _WATCHED) and gradient.dim() > 1:
            watched[name] = [value for row in gradient[:2, :3].tolist() for value in row]
    return {"norm": _by_part(found), "some": watched}


def _weights(policy: Policy) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}


def _by_part(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Norm over each part of the model; biases, some of which have a gradient of rounding errors
    alone, apart."""
    squares: defaultdict[str, float] = defaultdict(float)
    for name, tensor in tensors.items():
        if not name.endswith("bias"):
            squares[next(part for part in (*_PARTS, name) if part in name)] += (
                tensor.double().square().sum().item()
            )
    return {part: math.sqrt(square) for part, square in sorted(squares.items())}
