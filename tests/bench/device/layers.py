"""How many decoder layers go with the memory there is: arithmetic, from the shape of the model and
of a step.

One rank of eight holds the policy, the reference and all gradients in bfloat16, and an eighth of
AdamW's float32 weights and moments.
"""

from dataclasses import dataclass, replace

LEAST_LAYERS, MOST_LAYERS = 4, 36
"""Features of the tower enter behind the first three layers; Qwen3-VL-8B has 36."""
NUM_RANKS = 8
_SHARE_USED = 0.95
"""Of the free memory: the allocator's blocks do not fit without gaps."""
_LIBRARIES = 3e9
"""Context, kernels, cuBLAS and cuDNN workspaces; an estimate."""
_TOP_BYTES = 8e9
"""The larger of one recomputed layer and the logits' softmax for a row of 16,384 tokens; an
estimate."""
_TOP_TOKENS = 16384


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A Qwen3-VL; the tower's heads have 72 values in the real one, whatever the size."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    tower_layers: int
    tower_hidden: int
    tower_intermediate: int
    tower_heads: int
    deepstack: tuple[int, ...]
    head_size: int = 128

    @property
    def num_parameters(self) -> int:
        """Of the matrices; biases and norms are below a thousandth."""
        width, kv_width = self.heads * self.head_size, self.kv_heads * self.head_size
        layer = self.hidden * (2 * width + 2 * kv_width + 3 * self.intermediate)
        block = self.tower_hidden * (4 * self.tower_hidden + 2 * self.tower_intermediate)
        merged = 4 * self.tower_hidden
        mergers = (1 + len(self.deepstack)) * merged * (merged + self.hidden)
        tower = self.tower_layers * block + mergers + self.tower_hidden * (2304 + 3 * 2 * 16 * 16)
        return 2 * self.vocabulary * self.hidden + self.layers * layer + tower


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much there is to see and to answer in a step."""

    num_prompts: int
    num_answers: int
    answer_tokens: int
    num_frames: int
    side_px: int
    microbatch_tokens: int
    long_tokens: int
    """A micro-batch that takes all groups at once."""

    @property
    def num_patches(self) -> int:
        """Of all prompts."""
        return self.num_prompts * self.num_frames // 2 * (self.side_px // 16) ** 2

    @property
    def num_tokens(self) -> int:
        """Of all groups: four patches become a token; chat, times and question about a fifth
        more."""
        return (
            int(self.num_patches / 4 * 1.3)
            + self.num_prompts * self.num_answers * self.answer_tokens
        )


FULL_SHAPE = Shape(
    layers=MOST_LAYERS,
    hidden=4096,
    intermediate=12288,
    heads=32,
    kv_heads=8,
    vocabulary=151936,
    tower_layers=27,
    tower_hidden=1152,
    tower_intermediate=4304,
    tower_heads=16,
    deepstack=(8, 16, 24),
)
"""Qwen3-VL-8B, by its public configuration."""
SMALL_SHAPE = Shape(
    layers=LEAST_LAYERS,
    hidden=256,
    intermediate=512,
    heads=4,
    kv_heads=2,
    vocabulary=2048,
    tower_layers=3,
    tower_hidden=144,
    tower_intermediate=288,
    tower_heads=2,
    deepstack=(0, 1),
)
"""Everything that the large one has, for a CPU."""
FULL_SCALE = Scale(
    num_prompts=8,
    num_answers=8,
    answer_tokens=15,
    num_frames=48,
    side_px=256,
    microbatch_tokens=16384,
    long_tokens=24576,
)
"""A rank's part of the paper's 64 prompts a step."""
SMALL_SCALE = Scale(
    num_prompts=2,
    num_answers=4,
    answer_tokens=6,
    num_frames=8,
    side_px=64,
    microbatch_tokens=128,
    long_tokens=2048,
)


def step_bytes(shape: Shape, scale: Scale) -> float:
    """The most that a step holds at once, on one rank of eight."""
    weights = shape.num_parameters * (3 * 2 + (4 + 8) / NUM_RANKS)
    tokens = min(scale.num_tokens, scale.long_tokens)
    kept = 2 * (
        (shape.layers + 1) * shape.hidden * tokens
        + shape.tower_layers * shape.tower_hidden * scale.num_patches
    )
    optimizer = (
        shape.num_parameters * (4 + 4) / NUM_RANKS
    )  # float32 gradients and temporaries, without activations
    return weights + max(kept + _TOP_BYTES * max(1.0, tokens / _TOP_TOKENS), optimizer) + _LIBRARIES


def choose_layers(free_bytes: float) -> int:
    """The most layers of the large shape that fit; fewer than `LEAST_LAYERS` is 0: not even those
    do."""
    fits = (
        n
        for n in range(MOST_LAYERS, LEAST_LAYERS - 1, -1)
        if _with_layers(n) <= _SHARE_USED * free_bytes
    )
    return next(fits, 0)


def explain(layers: int, free_bytes: float) -> str:
    """Why so many, in numbers."""
    return (
        f"{layers} of {MOST_LAYERS} layers: {_with_layers(MOST_LAYERS) / 1e9:.0f} GB for "
        f"{MOST_LAYERS}, {_with_layers(layers) / 1e9:.0f} GB for {layers} (estimated), "
        f"{free_bytes / 1e9:.0f} GB are free"
    )


def _with_layers(layers: int) -> float:
    return step_bytes(replace(FULL_SHAPE, layers=layers), FULL_SCALE)
