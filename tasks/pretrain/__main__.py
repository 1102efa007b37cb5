"""Make the small base model: `python -m tasks.pretrain --out DIR`."""

import argparse
import logging
from pathlib import Path

from tasks.core.errors import InputError
from tasks.policy.checkpoint import save_policy
from tasks.pretrain.pretrain import PretrainConfig, make_base


def main() -> None:
    """Train, and keep what there is now and then."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.pretrain", description="Make the small base model of the demo."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--steps", type=int, default=PretrainConfig.num_steps)
    parser.add_argument("--seed", type=int, default=PretrainConfig.seed)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        config = PretrainConfig(seed=arguments.seed, num_steps=arguments.steps)
    except ValueError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        for policy in make_base(config, arguments.out / "training.pt"):
            save_policy(policy, arguments.out)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
