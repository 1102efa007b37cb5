from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides

_SECTIONS = [field.name for field in fields(RetrainConfig)]
_PATHS = [
    (section, key)
    for section in _SECTIONS
    if is_dataclass(getattr(RetrainConfig(), section))
    for key in asdict(RetrainConfig())[section]
]
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
def test_value_is_taken_as_it_is_or_refused_with_its_path(path: tuple[str, str], value: object) -> None:
    section, key = path
    try:
        changed = apply_overrides(RetrainConfig(), {section: {key: value}})
    except InputError as error:
        # A value can also break what another field of its section expects (max_area_px below min_area_px).
        assert str(error).startswith(f"config {section}.")
        assert "\n" not in str(error)
    else:
        taken = getattr(getattr(changed, section), key)
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
