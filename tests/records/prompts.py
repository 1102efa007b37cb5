"""What the policy reads: chat text and token ids of samples, encoded by the small model's
processor."""

import hashlib
import json
from pathlib import Path

from tests.helpers.clips import make_clip, store_clip
from tests.records.model import fixed_policy
from tests.records.product.data import PerturbConfig, Store, plan_samples
from tests.records.product.policy import encode, prompt_of
from tests.records.record import Tolerance

TOLERANCE = Tolerance(
    relative=1e-6,
    absolute=1e-7,
    why="patches are scaled in float32; 1e-16 was the most seen, all else is exact",
)


def prompts(seed: int, folder: Path) -> object:
    """One sample of each pretext task."""
    store = Store(str(folder))
    clip = store_clip(store, make_clip(num_frames=8), seed=seed)
    config = PerturbConfig(
        levels=(0.0,), train_samples_per_clip=(1, 1, 1), heldout_samples_per_clip=(1, 1, 1)
    )
    policy = fixed_policy(0)
    found = {}
    for sample in plan_samples([clip], config, seed):
        prompt = prompt_of(policy, store, sample, [clip])
        encoded = encode(policy, prompt)
        ids = encoded.input_ids.tolist()
        found[sample.pretext] = {
            "text": prompt.text,
            "tokens": len(ids),
            "first and last": [*ids[:6], *ids[-6:]],
            "digest": hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:12],
            "places of video": int((encoded.token_types == 2).sum()),
            "grid": encoded.grid_thw.tolist(),
            "patches": list(encoded.pixel_values.shape),
            "mean patch": encoded.pixel_values.double().mean().item(),
            "mean square": encoded.pixel_values.double().square().mean().item(),
        }
    vocabulary = sorted(policy.processor.tokenizer.get_vocab().items(), key=lambda item: item[1])
    return found | {
        "vocabulary": [
            len(vocabulary),
            hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:12],
        ]
    }
