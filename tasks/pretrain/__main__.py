"""Make the small base model: `torchrun --nproc-per-node 2 -m tasks.pretrain --out DIR`."""

import argparse
import logging
import os
from pathlib import Path

import torch.distributed as dist

from tasks.core.errors import InputError
from tasks.policy.checkpoint import save_policy
from tasks.pretrain.pretrain import PretrainConfig, make_base


def main() -> None:
    """Train, and keep what there is now and then."""
    parser = argparse.ArgumentParser(
        prog="torchrun --nproc-per-node 2 -m tasks.pretrain",
        description="Make the small base model of the demo, on as many processes as cores.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--steps", type=int, default=PretrainConfig.num_steps)
    parser.add_argument("--seed", type=int, default=PretrainConfig.seed)
    arguments = parser.parse_args()
    is_first = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(level=logging.INFO if is_first else logging.WARNING, format="%(message)s")
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    try:
        config = PretrainConfig(
            seed=arguments.seed,
            num_steps=arguments.steps,
            num_processes=dist.get_world_size() if dist.is_initialized() else 1,
        )
    except ValueError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        for policy in make_base(config, arguments.out / "training.pt"):
            if is_first:
                save_policy(policy, arguments.out)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
