"""Fixed questions over nights: which run makes them, who is asked them once, and what is pinned."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.benchmarks.questions import configured_suite, list_suite
from tasks.benchmarks.records import Questions
from tasks.core.anchor import AnchorContent, find_anchor, keep_anchor, pin, pinned
from tasks.core.config import (
    BenchmarkConfig,
    EvaluateConfig,
    ModelConfig,
    PerturbConfig,
    PromoteConfig,
    RetrainConfig,
    RolloutConfig,
)
from tasks.core.digest import sha256_of_file
from tasks.core.errors import InputError
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.records import Candidate, DataSet
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION, Evaluation, SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Run, Sample, Split, StageReport
from tasks.evaluate.anchor import own_answers, with_anchor, with_first_anchor
from tasks.evaluate.benchmark_scores import score_candidates
from tasks.evaluate.benchmarks import (
    answer_questions,
    pair_up,
    with_answerers,
)
from tasks.evaluate.score_policy import aggregate, score_policy
from tasks.perturb.viubench import plan_viubench
from tasks.policy.checkpoint import store_policy
from tasks.rollout.open_answerer import open_policy_answerer
from tasks.rollout.videos import ClipVideos
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.policy import fresh_policy
from tests.helpers.questions import make_benchmark

pytestmark = pytest.mark.slow
_NAME = "nightly"


@dataclass(frozen=True)
class _Night:
    """A run of the main job, as far as its anchor goes."""

    store: Store
    config: RetrainConfig
    data: DataSet
    run: Run

    def before(self) -> Questions:
        """What is known before the first video is read."""
        evaluate = self.config.evaluate
        folders = configured_suite(evaluate.benchmarks, seed=self.config.seed)
        asked = list_suite(self.store, folders, questions_per_shard=evaluate.questions_per_shard)
        return with_anchor(self.store, self.run, self.config, asked)

    def questions(self) -> Questions:
        return with_first_anchor(self.store, self.run, self.config, self.before(), self.data)

    def num_asked(self, base: Artifact, **policies: Artifact) -> dict[str, int]:
        """By candidate."""
        questions = self.questions()
        candidates = [Candidate(name=name, policy=policy) for name, policy in policies.items()]
        known = with_answerers(self.store, self.run, candidates, base, self.config.evaluate)
        counts = dict.fromkeys((one.name for one in known), 0)
        for asked in pair_up(known, questions):
            counts[asked.candidate.name] += answer_questions(
                self.store,
                asked,
                questions,
                self.config.model,
                self.config.rollout,
                self.config.evaluate,
            ).num_asked
        return counts

    def evaluated(self, **policies: Artifact) -> list[Evaluation]:
        """What the run's own VIUBench says of each."""
        config, samples = self.config, read_rows(self.store, self.data.samples, Sample)
        videos = ClipVideos(self.store, read_clips(self.store, self.data.clips))
        found = []
        for name, policy in policies.items():
            with open_policy_answerer(
                self.store, policy, config.model, config.rollout, self.run.seed
            ) as answerer:
                rows = score_policy(
                    self.store, answerer, samples, videos, config.rollout, config.evaluate
                )
            kept = write_rows(self.store, f"own/{name}-{policy.digest}.parquet", SampleScore, rows)
            scores = aggregate(rows, name=name, policy=policy, predictions=kept)
            found.append(Evaluation(scores=scores, report=StageReport("evaluate", 0.0)))
        return found

    def end(self) -> None:
        keep_anchor(self.store, _NAME, self.questions().anchor)


def _night(
    data_root: str,
    names: Sequence[str] = "ab",
    *,
    seed: int = 0,
    evaluate: EvaluateConfig | None = None,
) -> _Night:
    """A run that held out the clips `names`."""
    config = RetrainConfig(
        seed=seed,
        perturb=PerturbConfig(viubench_items_per_type=1),
        model=ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32"),
        rollout=RolloutConfig(max_answer_tokens=4),
        evaluate=evaluate or EvaluateConfig(),
        promote=PromoteConfig(model_name=_NAME, min_videos=2),
    )
    store = Store(data_root)
    clips = [
        store_clip(store, make_clip(name, num_frames=16, split=Split.HELDOUT)) for name in names
    ]
    items, key = plan_viubench(clips, 1, seed), f"given/{seed}-{''.join(names)}"
    data = DataSet(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        samples=write_rows(store, f"{key}/samples.parquet", Sample, items),
    )
    run = Run(data_root=data_root, run_id=f"run {seed}", preset="smoke", seed=seed)
    return _Night(store, config, data, run)


def _anchored_on(folder: Path | str) -> EvaluateConfig:
    return EvaluateConfig(anchor="mine", benchmarks={"mine": BenchmarkConfig(str(folder))})


def _asked(questions: Questions) -> list[tuple[str, str]]:
    return [(one.folder.name, one.digest) for one in questions.benchmarks]


def test_a_first_run_makes_the_anchor_and_it_counts_once_that_run_has_ended(data_root: str) -> None:
    first = _night(data_root)
    assert _asked(first.before()) == []
    ((name, digest),) = _asked(first.questions())
    assert name == "anchor"
    other = _night(data_root, "cd", seed=1)
    assert _asked(other.before()) == [], "the first one may have died"
    assert _asked(other.questions()) != [(name, digest)]
    first.end()
    assert _asked(first.before()) == [(name, digest)], "the same command again"
    later = _night(data_root, "abcd", seed=2)
    assert _asked(later.before()) == _asked(later.questions()) == [(name, digest)]
    assert later.questions().anchor.seed == 0


def test_a_run_may_do_without_an_anchor(data_root: str) -> None:
    _night(data_root).end()
    night = _night(data_root, evaluate=EvaluateConfig(anchor=""))
    assert _asked(night.questions()) == []
    assert night.questions().anchor.name == ""


def test_a_viubench_on_too_few_videos_is_no_anchor(
    data_root: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        questions = _night(data_root, "a").questions()
    assert _asked(questions) == []
    assert "shows 1 videos, fewer than promote.min_videos (2): a later run makes" in caplog.text


def test_on_a_second_night_with_more_videos_only_the_new_policy_is_asked(
    data_root: str,
) -> None:
    store = Store(data_root)
    base, *policies = [store_policy(store, f"policies/{i}", fresh_policy(seed=i)) for i in range(4)]
    first, candidates = _night(data_root), {BEFORE: policies[0], AFTER: policies[1]}
    questions = first.questions()
    num_items = questions.benchmarks[0].num_selected
    asked = first.num_asked(base, **candidates)
    assert asked == {BEFORE: 0, AFTER: 0, BASE: num_items}, "they are asked it as VIUBench"
    evaluated = first.evaluated(**candidates)
    answered = own_answers(store, evaluated, questions, first.config)
    scored = score_candidates(store, evaluated, answered, questions, min_coverage=0.98)
    for one in scored.models:
        assert one.scores.benchmarks["anchor"].headline == one.scores.viubench
        assert one.scores.benchmarks["anchor"].coverage == 1
    first.end()
    assert first.num_asked(base, **candidates) == {BEFORE: 0, AFTER: 0, BASE: 0}
    # It goes on from the champion, which was the first night's challenger.
    second = _night(data_root, "abcd", seed=1)
    policies_then = {BEFORE: policies[1], AFTER: policies[2], CHAMPION: policies[1]}
    assert second.num_asked(base, **policies_then) == {
        BEFORE: 0,
        AFTER: num_items,
        CHAMPION: 0,
        BASE: 0,
    }
    assert own_answers(store, evaluated, second.questions(), second.config) == []
    # A person may have deleted the replies, which can be had again: the scores are still there.
    store.delete("answers")
    again = own_answers(store, evaluated, questions, first.config)
    scored_again = score_candidates(store, evaluated, again, questions, min_coverage=0.98)
    for one, other in zip(scored.models, scored_again.models, strict=True):
        kept, found = one.scores.benchmarks["anchor"], other.scores.benchmarks["anchor"]
        assert (found.headline, found.coverage) == (kept.headline, kept.coverage)


def test_of_two_runs_that_end_at_once_one_makes_the_anchor_and_both_are_pinned(
    data_root: str,
) -> None:
    one, other = _night(data_root), _night(data_root, "cd", seed=1)
    anchors_made = [night.questions().anchor for night in (one, other)]
    for made in anchors_made:
        keep_anchor(Store(data_root), _NAME, made)
    assert find_anchor(Store(data_root), _NAME) == anchors_made[0]
    shown = {make_clip(name).sha256 for name in "abcd"}
    assert {row.sha256 for row in pinned(Store(data_root))} == shown
    keep_anchor(Store(data_root), "another", anchors_made[1])
    assert find_anchor(Store(data_root), "another") == anchors_made[1]


def test_a_configured_anchor_pins_the_files_that_its_questions_show(
    data_root: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    make_benchmark(folder, num_videos=3)
    (folder / "videos" / "unused.mp4").write_bytes(b"nobody asks about it")
    night = _night(data_root, evaluate=_anchored_on(folder))
    assert [name for name, _ in _asked(night.questions())] == ["mine"]
    assert night.questions().anchor.name == "mine"
    assert pinned(Store(data_root)) == sorted(
        (
            AnchorContent(sha256=sha256_of_file(folder / f"videos/v{number}.mp4"))
            for number in range(3)
        ),
        key=lambda row: row.sha256,
    )


def test_a_configured_anchor_that_was_built_here_pins_its_clips_with_their_looks(
    data_root: str,
) -> None:
    built = _night(data_root).questions().anchor
    folder = Store(data_root).path(built.folder)
    night = _night(data_root, evaluate=_anchored_on(folder))
    assert _asked(night.questions())[0][0] == "mine"
    assert pinned(Store(data_root)) == sorted(
        map(AnchorContent.of, map(make_clip, "ab")), key=lambda row: row.sha256
    )


@pytest.mark.parametrize("name", ["items.parquet", "clips.parquet", "card.json"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_an_anchor_whose_files_are_gone_or_damaged_is_one_line_before_training(
    data_root: str, name: str, damage: str
) -> None:
    night = _night(data_root)
    night.end()
    path = Path(Store(data_root).path(night.questions().anchor.folder)) / name
    _damage(path, damage)
    assert str(path.parent) in _check_line(night)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_note_of_the_anchor_is_one_line(data_root: str, damage: str) -> None:
    night = _night(data_root)
    night.end()
    path = Path(data_root) / "anchors" / _NAME / "first.json"
    _damage(path, damage)
    assert str(path) in _check_line(night)


def test_damaged_pins_are_one_line_that_says_what_depends_on_them(data_root: str) -> None:
    store = Store(data_root)
    key = pin(store, _NAME, [AnchorContent(sha256="1" * 64)]).key
    _damage(Path(store.path(key)), "cut")
    with pytest.raises(InputError) as caught:
        pinned(store)
    assert str(caught.value).startswith(f"{store.path(key)} is damaged (")
    assert "until then what that anchor shows may be trained on" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pins_that_are_gone_come_back_with_the_next_run(data_root: str) -> None:
    night = _night(data_root)
    night.end()
    (path,) = (Path(data_root) / "anchors" / _NAME).glob("*.parquet")
    whole = path.read_bytes()
    path.unlink()
    night.before()
    assert path.read_bytes() == whole


def _damage(path: Path, damage: str) -> None:
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"{}" if damage == "other" else path.read_bytes()[:-7])


def _check_line(night: _Night) -> str:
    with pytest.raises(InputError) as caught:
        night.before()
    line = str(caught.value)
    assert "\n" not in line
    assert "put a copy of it back; if there is none, delete anchors/NAME/first.json" in line
    return line
