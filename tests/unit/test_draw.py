from tasks.core.config import PerturbConfig
from tasks.train.draw import step_samples
from tests.helpers.clips import make_clip
from tests.helpers.samples import plan_all

SAMPLES = plan_all([make_clip("a")], PerturbConfig())


def test_an_epoch_shows_every_sample_once() -> None:
    size = len(SAMPLES) // 5
    shown = [
        s.sample_id
        for step in range(5)
        for s in step_samples(SAMPLES[: 5 * size], step, size, seed=0)
    ]
    assert sorted(shown) == sorted(s.sample_id for s in SAMPLES[: 5 * size])


def test_a_step_is_a_function_of_its_number_so_a_resumed_run_sees_the_same_data() -> None:
    alone = step_samples(SAMPLES, 7, 8, seed=3)
    after_others = [step_samples(SAMPLES, step, 8, seed=3) for step in range(8)][7]
    assert alone == after_others


def test_a_step_across_the_end_of_an_epoch_takes_the_rest_from_the_next() -> None:
    few = SAMPLES[:5]
    shown = [s.sample_id for step in range(5) for s in step_samples(few, step, 3, seed=0)]
    for epoch in range(3):
        assert sorted(shown[5 * epoch : 5 * epoch + 5]) == sorted(s.sample_id for s in few)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    size = len(SAMPLES)
    first, second = step_samples(SAMPLES, 0, size, seed=0), step_samples(SAMPLES, 1, size, seed=0)
    assert first != second
    assert first != step_samples(SAMPLES, 0, size, seed=1)
