from hypothesis import given
from hypothesis import strategies as st

from tasks.core.seeding import derive_seed, generator, uniform_hash

_paths = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.integers(), min_size=1, max_size=3
)


@given(seed=st.integers(0), path=_paths)
def test_same_path_gives_same_numbers(seed: int, path: list[str | int]) -> None:
    first, second = (generator(seed, *path).integers(0, 2**32, 4).tolist() for _ in range(2))
    assert first == second


@given(seed=st.integers(0, 2**32), path=_paths, other=_paths)
def test_other_path_or_seed_gives_another_seed(
    seed: int, path: list[str | int], other: list[str | int]
) -> None:
    assert derive_seed(seed, *path) != derive_seed(seed + 1, *path)
    assert (derive_seed(seed, *path) == derive_seed(seed, *other)) == (
        [*map(str, path)] == [*map(str, other)]
    )


@given(seed=st.integers(), path=_paths)
def test_derived_seed_fits_a_signed_64_bit_integer(seed: int, path: list[str | int]) -> None:
    assert 0 <= derive_seed(seed, *path) < 2**63


@given(path=_paths)
def test_uniform_hash_is_a_share(path: list[str | int]) -> None:
    assert 0.0 <= uniform_hash(*path) < 1.0


def test_uniform_hash_is_uniform() -> None:
    numbers = [uniform_hash("split", index) for index in range(2000)]
    assert 0.28 < sum(number < 0.3 for number in numbers) / len(numbers) < 0.32


def test_seed_is_the_same_in_every_process_and_version() -> None:
    assert derive_seed(0, "perturb", "clip") == 8009975690342308987
