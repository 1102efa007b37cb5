"""Adapters: a policy that starts as its base, trains them alone, and leaves as an ordinary
model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.core.types import Artifact
from tasks.policy.checkpoint import Policy, open_policy
from tasks.train.lora import adapters_off, add_adapters, merged
from tests.helpers.policy import fresh_policy
from tests.helpers.training import TRAIN, copy_pool, make_pool, numbers, on_two_ranks

LORA = replace(TRAIN, lora_rank=4, lora_alpha=8.0, learning_rate=1e-2)
FROZEN = replace(LORA, freeze_vision=True)
TOKENS = torch.arange(20, 40)[None]


def _adapted(config: TrainConfig) -> Policy:
    """With adapters that do something."""
    policy = fresh_policy()
    add_adapters(policy.model, config, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in policy.model.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return policy


@torch.no_grad()
def _logits(policy: Policy) -> Tensor:
    logits: Tensor = policy.model(input_ids=TOKENS).logits
    return logits


def test_new_adapters_change_nothing_and_are_all_that_is_trainable() -> None:
    policy = fresh_policy()
    before = _logits(policy)
    add_adapters(policy.model, LORA, seed=0)
    assert torch.equal(_logits(policy), before)
    trainable = [name for name, p in policy.model.named_parameters() if p.requires_grad]
    assert trainable
    assert all(".lora_" in name for name in trainable)
    assert any(".visual." in name for name in trainable)
    assert not any(".patch_embed." in name for name in trainable)


def test_a_frozen_tower_gets_no_adapters() -> None:
    policy = _adapted(FROZEN)
    assert not any(
        ".visual." in name for name, p in policy.model.named_parameters() if p.requires_grad
    )


def test_merged_weights_are_an_ordinary_models_and_answer_as_the_adapted_one() -> None:
    policy, plain = _adapted(LORA), fresh_policy()
    weights = dict(merged(policy.model.named_parameters(), LORA))
    assert {name: p.shape for name, p in weights.items()} == {
        n: p.shape for n, p in plain.model.named_parameters()
    }
    plain.model.load_state_dict(weights)
    assert not torch.allclose(_logits(plain), _logits(fresh_policy()), atol=1e-2)
    torch.testing.assert_close(_logits(plain), _logits(policy), atol=1e-5, rtol=0)


def test_without_its_adapters_the_policy_is_its_base() -> None:
    policy = _adapted(LORA)
    with adapters_off(policy.model):
        assert torch.equal(_logits(policy), _logits(fresh_policy()))
    assert not torch.equal(_logits(policy), _logits(fresh_policy()))


@pytest.mark.slow
@pytest.mark.parametrize("config", [LORA, FROZEN])
def test_a_run_trains_the_adapters_and_leaves_a_whole_policy_and_the_adapters_alone(
    started_root: Path, tmp_path: Path, config: TrainConfig
) -> None:
    pool = copy_pool(started_root, tmp_path / "root")
    start = pool.start().policy
    trained = pool.train(start, config)
    steps = pool.steps(trained)
    assert steps[0].kl == pytest.approx(0.0, abs=1e-9)
    assert steps[-1].kl > 0, "the reference is the base, and the policy has left it"
    assert max(row.metrics["rollout/logprob_gap_max"] for row in steps) < 1e-4, (
        "rollouts come from the adapted policy"
    )
    before = open_policy(pool.store, start, "float32")
    after = pool.weights(trained)
    changed = {
        name
        for name, tensor in before.model.state_dict().items()
        if not torch.equal(tensor, after[name])
    }
    assert changed
    assert all(
        name.endswith(("_proj.weight", "qkv.weight", "fc1.weight", "fc2.weight", "proj.weight"))
        for name in changed
    )
    assert any(".visual." in name for name in changed) != config.freeze_vision
    adapters = Path(pool.store.path(trained.policy.key)).parent / "adapters"
    loaded = PeftModel.from_pretrained(before.model, str(adapters)).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            loaded(input_ids=TOKENS).logits,
            _logits(open_policy(pool.store, trained.policy, "float32")),
            atol=1e-5,
            rtol=0,
        )


@pytest.mark.slow
def test_two_ranks_train_the_same_adapters_as_one(started_root: Path, tmp_path: Path) -> None:
    configs = [replace(LORA, zero_stage=2), replace(FROZEN, zero_stage=3)]
    roots = [tmp_path / str(number) for number in range(len(configs))]
    for root in roots:
        copy_pool(started_root, root)
    alone = copy_pool(started_root, tmp_path / "alone")
    start = alone.start().policy
    on_two_ranks(_train_all, roots, start, configs)
    for root, config in zip(roots, configs, strict=True):
        pool, whole = make_pool(root), alone.train(start, replace(config, zero_stage=1))
        shared = pool.train(start, config)
        assert shared.report.counts["reused"] == 1.0
        for one, two in zip(numbers(alone.steps(whole)), numbers(pool.steps(shared)), strict=True):
            assert two == pytest.approx(one, abs=1e-4)


def _train_all(roots: Sequence[Path], start: Artifact, configs: Sequence[TrainConfig]) -> None:
    for root, config in zip(roots, configs, strict=True):
        make_pool(root).train(start, config)
