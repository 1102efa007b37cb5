from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import reduce
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides

_SECTIONS = [field.name for field in fields(RetrainConfig)]


def _leaves(section: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in fields(section):  # type: ignore[arg-type]
        value = getattr(section, field.name)
        yield from _leaves(value, (*path, field.name)) if is_dataclass(value) else [(*path, field.name)]


_PATHS = [path for path in _leaves(RetrainConfig()) if len(path) > 1]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(sections=st.sets(st.sampled_from(_SECTIONS)))
def test_overriding_with_the_own_values_changes_nothing(sections: set[str]) -> None:
    values = {name: value for name, value in asdict(RetrainConfig()).items() if name in sections}
    assert apply_overrides(RetrainConfig(), values) == RetrainConfig()


@given(path=st.sampled_from(_PATHS), value=_json)
def test_value_is_taken_as_it_is_or_refused_with_its_path(path: tuple[str, ...], value: object) -> None:
    overrides = reduce(lambda inner, key: {key: inner}, reversed(path), value)
    try:
        changed = apply_overrides(RetrainConfig(), cast(Mapping[str, object], overrides))
    except InputError as error:
        # A value can also break what another field of its section expects (max_area_px below min_area_px).
        assert str(error).startswith(f"config {'.'.join(path[:-1])}.")
        assert "\n" not in str(error)
    else:
        taken = reduce(getattr, path, changed)  # type: ignore[arg-type]
        assert taken == (tuple(value) if isinstance(value, list) else value)
        assert isinstance(taken, bool) == isinstance(value, bool)


@given(overrides=st.dictionaries(st.text(max_size=8) | st.sampled_from(_SECTIONS), _json, min_size=1, max_size=3))
def test_arbitrary_overrides_change_the_config_or_are_refused(overrides: Mapping[str, object]) -> None:
    try:
        changed = apply_overrides(RetrainConfig(), overrides)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert set(overrides) <= set(_SECTIONS)
        assert isinstance(changed, RetrainConfig)
