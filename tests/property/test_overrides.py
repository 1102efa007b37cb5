import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import reduce
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides, read_overrides
from tasks.video.resize import choose_size

_SECTIONS = [field.name for field in fields(RetrainConfig)]


def _leaves(section: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in fields(section):  # type: ignore[arg-type]
        value = getattr(section, field.name)
        yield from (
            _leaves(value, (*path, field.name)) if is_dataclass(value) else [(*path, field.name)]
        )


_ALL = list(_leaves(RetrainConfig()))
_PATHS = [path for path in _ALL if len(path) > 1]
_UNITS = (
    "px",
    "seconds",
    "mib",
    "gib",
    "tokens",
    "videos",
    "clips",
    "frames",
    "steps",
    "groups",
    "share",
)


def _own(path: tuple[str, ...]) -> object:
    return reduce(getattr, path, RetrainConfig())  # type: ignore[arg-type]


_NUMBERS = [
    path
    for path in _ALL
    if isinstance(_own(path), (int, float)) and not isinstance(_own(path), bool)
]
_TEXTS = [path for path in _ALL if isinstance(_own(path), str)]
_MAY_BE_EMPTY = ("evaluate", "anchor")
_LISTS = [path for path in _ALL if isinstance(_own(path), tuple)]


def _refusal(path: tuple[str, ...], value: object) -> str:
    """The line with which an override is refused."""
    overrides = reduce(lambda inner, key: {key: inner}, reversed(path), value)
    with pytest.raises(InputError) as caught:
        apply_overrides(RetrainConfig(), cast(Mapping[str, object], overrides))
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert len(line) < 1000
    return line


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(sections=st.sets(st.sampled_from(_SECTIONS)))
def test_overriding_with_the_own_values_changes_nothing(sections: set[str]) -> None:
    values = {name: value for name, value in asdict(RetrainConfig()).items() if name in sections}
    assert apply_overrides(RetrainConfig(), values) == RetrainConfig()


@given(path=st.sampled_from(_PATHS), value=_json)
def test_value_is_taken_as_it_is_or_refused_with_its_path(
    path: tuple[str, ...], value: object
) -> None:
    overrides = reduce(lambda inner, key: {key: inner}, reversed(path), value)
    try:
        changed = apply_overrides(RetrainConfig(), cast(Mapping[str, object], overrides))
    except InputError as error:
        # A value can also break what another field of its section expects (max_area_px below
        # min_area_px).
        assert str(error).startswith(f"config {'.'.join(path[:-1])}.")
        assert "\n" not in str(error)
    else:
        taken = reduce(getattr, path, changed)  # type: ignore[arg-type]
        assert taken == (tuple(value) if isinstance(value, list) else value)
        assert isinstance(taken, bool) == isinstance(value, bool)


@given(
    overrides=st.dictionaries(
        st.text(max_size=8) | st.sampled_from(_SECTIONS), _json, min_size=1, max_size=3
    )
)
def test_arbitrary_overrides_change_the_config_or_are_refused(
    overrides: Mapping[str, object],
) -> None:
    try:
        changed = apply_overrides(RetrainConfig(), overrides)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert set(overrides) <= set(_SECTIONS)
        assert isinstance(changed, RetrainConfig)


@pytest.mark.parametrize("path", _NUMBERS, ids=".".join)
def test_every_number_has_a_largest_value_and_absurd_ones_are_refused_by_name(
    path: tuple[str, ...],
) -> None:
    name = f"config {'.'.join(path)}: "
    kind = type(_own(path))
    largest = _refusal(path, kind(10**30))
    assert largest.startswith(name)
    assert re.search(r"(at most|to|below|to below) [0-9.e+]+", largest), (
        "it says how much is allowed"
    )
    for value in (
        kind(-(10**30)),
        10**5000,
        -(10**5000),
        math.nan,
        math.inf,
        -math.inf,
        -0.0,
        True,
        False,
        "1",
        [1],
    ):
        assert _refusal(path, value).startswith(name), value


@pytest.mark.parametrize("path", _NUMBERS, ids=".".join)
def test_no_process_is_started_a_hundred_thousand_times(path: tuple[str, ...]) -> None:
    if path[-1] in ("processes", "num_workers", "prefetch_workers", "tensor_parallel"):
        assert _refusal(path, 100_000).startswith(f"config {'.'.join(path)}: ")


@pytest.mark.parametrize("path", [path for path in _TEXTS if path != _MAY_BE_EMPTY], ids=".".join)
def test_only_the_anchor_may_have_no_name(path: tuple[str, ...]) -> None:
    assert _refusal(path, "").startswith(f"config {'.'.join(path)}: ")


@pytest.mark.parametrize("path", _TEXTS, ids=".".join)
@pytest.mark.parametrize("value", [" ", "x" * 10**6, "a\nb", "\0", "\ud800"])
def test_texts_that_cannot_be_names_are_refused(path: tuple[str, ...], value: str) -> None:
    assert _refusal(path, value).startswith(f"config {'.'.join(path)}: ")


@pytest.mark.parametrize("path", _LISTS, ids=".".join)
def test_endless_lists_are_refused(path: tuple[str, ...]) -> None:
    item = _own(path)[0] if _own(path) else "x"  # type: ignore[index]
    assert _refusal(path, [item] * 10**5).startswith(f"config {path[0]}.")


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/x",
        "a/b",
        "a:b",
        "a\\b",
        "'\"",
        "..",
        ".x",
        "x.",
        "x ",
        "x" * 201,
        "model-champions",
    ],
)
def test_a_model_name_that_the_registry_cannot_hold_is_refused(name: str) -> None:
    assert _refusal(("promote", "model_name"), name).startswith("config promote.model_name: ")


@given(least=st.integers(1, 10**6), more=st.integers(0, 3000))
def test_areas_are_taken_if_a_frame_can_have_one_of_them(least: int, more: int) -> None:
    areas = {"min_area_px": least, "max_area_px": least + more}
    try:
        choose_size(16, 9, **areas)
    except ValueError:
        with pytest.raises(
            InputError, match=r"^config ingest\.max_area_px: got .* in multiples of 32"
        ):
            apply_overrides(RetrainConfig(), {"ingest": areas})
    else:
        apply_overrides(RetrainConfig(), {"ingest": areas})


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ""])
def test_a_manifest_outside_the_data_root_is_refused(path: str) -> None:
    assert _refusal(("ingest", "avoid"), [path]).startswith("config ingest.avoid: ")


@pytest.mark.parametrize("path", _PATHS, ids=".".join)
def test_a_path_with_dots_is_answered_with_the_object_to_write(path: tuple[str, ...]) -> None:
    nested = json.dumps(reduce(lambda inner, key: {key: inner}, reversed(path), 0)).replace(
        "0", "..."
    )
    assert _refusal((".".join(path),), 1).endswith(f"write {nested}")


def _slips(name: str) -> Iterator[str]:
    """`name` as somebody has it in mind who does not look it up."""
    words = name.split("_")
    yield "_".join(reversed(words))
    yield from ("_".join(words[at:] + words[:at]) for at in range(1, len(words)))
    for index, word in enumerate(words):
        other = word.removesuffix("s") if word.endswith("s") else f"{word}s"
        yield "_".join([*words[:index], other, *words[index + 1 :]])
    if words[-1] in _UNITS and len(words) > 2:
        yield "_".join(words[:-1])
    if words[0] == "num" and len(words) > 1:
        yield "_".join(words[1:])
    yield "".join(words)


@pytest.mark.parametrize("path", _ALL, ids=".".join)
def test_a_slip_in_a_name_is_answered_with_the_name(path: tuple[str, ...]) -> None:
    siblings = {own[-1] for own in _ALL if own[:-1] == path[:-1]}
    for slip in set(_slips(path[-1])) - siblings:
        assert f"did you mean {'.'.join(path)}?" in _refusal((*path[:-1], slip), 1), slip


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ingest.videos_per_shard", "ingest.shard_size_videos"),
        ("ingest.workers", "ingest.num_workers"),
        ("ingest.timeout_seconds", "ingest.video_timeout_seconds"),
        ("ingest.frames", "ingest.num_frames"),
        ("ingest.shard_size", "ingest.shard_size_videos"),
        ("perturb.clips_per_shard", "perturb.shard_size_clips"),
        ("calibrate.groups_per_shard", "calibrate.shard_groups"),
        ("train.lr_warmup_steps", "train.warmup_steps"),
        ("train.save_every_steps", "train.show_every_steps"),
        ("train.grad_norm", "train.max_grad_norm"),
        ("train.max_rollouts", "calibrate.max_rollouts"),
        ("rollout.max_tokens", "rollout.max_answer_tokens"),
        ("rollout.max_model_tokens", "rollout.vllm.max_model_tokens"),
        ("promote.name", "promote.model_name"),
        ("model_name", "promote.model_name"),
        ("ingst.num_frames", "ingest"),
    ],
)
def test_a_name_near_a_right_one_is_answered_with_the_right_one(wrong: str, right: str) -> None:
    assert f"did you mean {right}?" in _refusal(tuple(wrong.split(".")), 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"seed": 1, "seed": 2}', "overrides: seed: the key is given twice"),
        (
            '{"train": {"num_steps": 1, "num_steps": 1}}',
            "overrides: train.num_steps: the key is given twice",
        ),
        ('{"train": {"num_steps": 1}, "train": {}}', "overrides: train: the key is given twice"),
        ('{"train": {"learning_rate": NaN}}', "overrides: train.learning_rate: got NaN"),
        (
            '{"train": {"learning_rate": -Infinity}}',
            "overrides: train.learning_rate: got -Infinity",
        ),
        (
            '{"train": {"learning_rate": 1e999}}',
            "overrides: train.learning_rate: got '1e999', which is too large",
        ),
        (
            '{"train": {"kl_coefficient": -0.0}}',
            "overrides: train.kl_coefficient: got -0.0, a negative zero",
        ),
        ('{"perturb": {"levels": [0, -0.0]}}', "overrides: perturb.levels[1]: got -0.0"),
        ('{"seed": %s}' % ("9" * 5000), "overrides: seed: got a number of 5000 digits"),
        ('{"model": {"base": "\\ud800"}}', "overrides: model.base: '\\ud800' is no text in UTF-8"),
        ('{"a\\nb": {"x": NaN}}', "overrides: 'a\\nb'.x: got NaN"),
        ('{"x":' * 100_000, "overrides: nested too deeply"),
        ("[" * 100_000, "overrides: nested too deeply"),
        (json.dumps({"model": {"base": "x" * 2**21}}), "overrides: got 2097"),
        ("{", "overrides: cannot read '{' as JSON"),
        ("{'a': 1}", "overrides: cannot read"),
        ('{"a": 1,}', "overrides: cannot read"),
        ("1" * 5000, "overrides: got"),
        ("null", "overrides: got 'null'; expected a JSON object"),
        ("", "overrides: cannot read '' as JSON"),
    ],
)
def test_json_that_could_be_misunderstood_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_overrides(text)
    assert str(caught.value).startswith(reason)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


@given(value=st.dictionaries(st.text(max_size=8), _json, max_size=3))
def test_json_that_cannot_be_misunderstood_is_read_as_it_is(value: dict[str, object]) -> None:
    text = json.dumps(value)
    if re.search(r"NaN|Infinity|-0\.0|[0-9]{400}", text):
        return
    assert read_overrides(text) == value
