"""Who is asked without pictures, and where; each trial opened and asked."""

from collections.abc import Sequence

from tasks.benchmarks.records import Questions
from tasks.core.config import EvaluateConfig, PromoteConfig
from tasks.core.controls import BlindScores
from tasks.core.manifest import read_clips, read_rows
from tasks.core.records import AskedShard, BlindTrial, Candidate, DataSet, Job
from tasks.core.score_config import ANCHOR, OVERALL, SCORED_SPLITS
from tasks.core.store import Store
from tasks.core.types import Sample, Split
from tasks.evaluate.benchmarks import open_for
from tasks.evaluate.blind import ask_blind, benchmark_place, own_place
from tasks.rollout.open_answerer import open_policy_answerer
from tasks.rollout.videos import ClipVideos


def blind_trials(
    candidates: Sequence[Candidate],
    asked: Sequence[AskedShard],
    questions: Questions,
    evaluate: EvaluateConfig,
    promote: PromoteConfig,
) -> list[BlindTrial]:
    """Every controlled candidate wherever it is asked with pictures, under every condition.

    On the run's own samples that is the policy of each of `candidates`; on benchmarks whoever is
    `asked`, which may be another in its place. The anchor of the first run costs every later run,
    so it is asked only if a rule needs it.
    """
    needs_anchor = ANCHOR in (
        *promote.must_win,
        *(promote.overall if OVERALL in promote.must_win else ()),
    )
    places = [
        *((one, split.value) for one in candidates for split in SCORED_SPLITS),
        *dict.fromkeys((one.candidate, one.benchmark) for one in asked),
        # Asked as the run's own VIUBench, with the pictures.
        *((one, questions.anchor.name) for one in candidates if questions.is_own_anchor),
    ]
    return [
        BlindTrial(candidate, place, condition)
        for candidate, place in places
        if candidate.is_controlled and (place != ANCHOR or needs_anchor)
        for condition in evaluate.blind
    ]


def hold_trial(
    store: Store, trial: BlindTrial, questions: Questions, data: DataSet, job: Job
) -> BlindScores:
    """Ask a candidate in one place without its pictures."""
    model, rollout, config = job.config.model, job.config.rollout, job.config.evaluate
    # Benchmarks first: a model alone may be asked one that is called like our own place.
    if trial.place in {found.folder.name for found in questions.benchmarks}:
        benchmark = questions.named(trial.place)
        with open_for(store, trial.candidate, benchmark, model, rollout) as answerer:
            return ask_blind(store, trial, benchmark_place(store, benchmark), answerer, config)
    samples = read_rows(store, data.samples, Sample)
    videos = ClipVideos(store, read_clips(store, data.clips))
    seed, policy = job.run.seed, trial.candidate.policy
    place = own_place(Split(trial.place), samples, videos, rollout, config, seed)
    with open_policy_answerer(store, policy, model, rollout, seed) as answerer:
        return ask_blind(store, trial, place, answerer, config)
