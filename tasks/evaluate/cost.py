"""What asking benchmarks will cost, said before it is spent: answers, tokens and
seconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.core.config import RetrainConfig
from tasks.core.measurement import Selection
from tasks.core.records import AskedShard, BlindTrial, Candidate
from tasks.core.redact import redact
from tasks.core.score_config import ANCHOR, FIRST
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION
from tasks.core.speed import BENCHMARK_STAGE, Speed, find_speed, measured_speed, speed_name
from tasks.core.store import Store
from tasks.evaluate.benchmarks import answers_key, open_for, pair_up
from tasks.evaluate.trials import blind_trials
from tasks.policy.checkpoint import TINY_BASE
from tasks.report.text import UNKNOWN, aligned_table, markdown_table, points, whole

_HEAD = (
    *("benchmark", "questions", "models", "answers", "blind answers"),
    *("vision tokens", "text tokens", "answer tokens", "seconds"),
)


@dataclass(frozen=True)
class CostStatement:
    """The costs of a run's benchmarks, for people and for MLflow."""

    text: str
    """For a terminal; empty if no benchmark is asked."""
    markdown: str
    metrics: dict[str, float]


def costs_before_training(
    store: Store,
    questions: Questions,
    config: RetrainConfig,
    variants: Sequence[str],
    *,
    has_champion: bool,
) -> CostStatement:
    """As far as they are known then: of whoever may be asked, as fast as the last run was."""
    expected = expected_candidates(config, variants, has_champion=has_champion)
    asked = pair_up(expected, questions)
    return state_costs(
        questions,
        asked,
        _trials(expected, asked, questions, config),
        config,
        find_speed(store, speed_name(config)),
        measured_by="the last run here",
        more_notes=not_known_yet(questions, config, variants),
    )


def costs_before_asking(
    store: Store,
    questions: Questions,
    candidates: Sequence[Candidate],
    asked: Sequence[AskedShard],
    config: RetrainConfig,
    selections: Sequence[Selection],
) -> CostStatement:
    """Of what was not answered before, as fast as this run's calibration was; `asked` is what
    `candidates` are asked with pictures."""
    of = speed_name(config)
    speed, source = measured_speed([one.report for one in selections], of), "calibration"
    # A run that goes on after a kill may have measured nothing itself.
    if speed is None:
        speed, source = find_speed(store, of), "the last run here"
    left = without_answer(store, asked, questions, config)
    trials = _trials(candidates, asked, questions, config)
    return state_costs(questions, left, trials, config, speed, measured_by=source)


def expected_candidates(
    config: RetrainConfig, variants: Sequence[str], *, has_champion: bool
) -> list[Candidate]:
    """Who will be asked, as far as that is known before training: names, and who answers in their
    place. At most these, because one model may have two of the names; `variants` are those of an
    ablation."""
    if variants:
        return [
            Candidate(name=BEFORE),
            *(Candidate(name=name, is_controlled=True) for name in variants),
        ]
    is_trained = config.model.base != TINY_BASE and config.warm_start.num_steps > 0
    names = [
        BEFORE,
        *(f"round {number}" for number in range(1, config.rounds)),
        AFTER,
        *([CHAMPION] if has_champion else []),
        # Without a warm start it is what GRPO starts from.
        *([BASE] if is_trained else []),
    ]
    given = config.evaluate.answerers
    return [
        Candidate(name=name, answerer=given.get(name, ""), is_controlled=name == AFTER)
        for name in names
    ]


def not_known_yet(
    questions: Questions, config: RetrainConfig, variants: Sequence[str]
) -> list[str]:
    """What a statement leaves open that comes before training."""
    notes = ["all of it is said again before benchmarks are asked"]
    # An ablation makes no anchor.
    if config.evaluate.anchor == FIRST and not questions.anchor.name and not variants:
        notes.append(f"{ANCHOR}: none yet; the VIUBench of this run may become it")
    return notes


def without_answer(
    store: Store, asked: Sequence[AskedShard], questions: Questions, config: RetrainConfig
) -> list[AskedShard]:
    """Those of `asked` that nobody answered in full yet; of a model with two names one."""
    seen: set[str] = set()
    left = []
    for one in asked:
        benchmark = questions.named(one.benchmark)
        with open_for(store, one.candidate, benchmark, config.model, config.rollout) as answerer:
            key = answers_key(answerer, benchmark, one.questions)
        if key not in seen and not store.exists(key):
            left.append(one)
        seen.add(key)
    return left


def state_costs(
    questions: Questions,
    asked: Sequence[AskedShard],
    trials: Sequence[BlindTrial],
    config: RetrainConfig,
    speed: Speed | None,
    *,
    measured_by: str,
    more_notes: Sequence[str] = (),
) -> CostStatement:
    """What the answers to `asked`, and those of `trials`, will cost at a `speed`, with notes below
    the table."""
    costs = [_cost(benchmark, asked, trials, speed) for benchmark in questions.benchmarks]
    if not costs:
        return CostStatement("", "", {})
    rows = [cost.row for cost in costs]
    notes = [
        "answers: those that are not kept yet; text tokens: estimated; answer tokens: at most",
        *_on_blind(costs, config),
        _on_seconds(speed, measured_by, speed_name(config)),
        *(f"{one.folder.name}: {one.types}" for one in questions.benchmarks if one.types),
        *_on_videos(questions),
        *_on_answerers(asked),
        *more_notes,
    ]
    return CostStatement(
        text="".join((aligned_table(_HEAD, rows), *(f"{note}\n" for note in notes))),
        markdown="".join((markdown_table(_HEAD, rows), "\n", *(f"- {note}\n" for note in notes))),
        metrics={name: value for cost in costs for name, value in cost.metrics.items()},
    )


@dataclass(frozen=True, kw_only=True)
class _Cost:
    """What asking one benchmark will cost."""

    benchmark: AskedBenchmark
    num_models: int
    num_answers: int
    """Questions without an answer, of all models."""
    num_blind: int
    """Answers without pictures, at most."""
    vision: int
    text: int
    written: int
    """Tokens of answers, at most."""
    seconds: float | None

    @property
    def row(self) -> tuple[str, ...]:
        found, of = self.benchmark.num_selected, self.benchmark.num_available
        return (
            self.benchmark.folder.name,
            whole(found) if found == of else f"{whole(found)} of {whole(of)}",
            *map(whole, (self.num_models, self.num_answers, self.num_blind)),
            *map(whole, (self.vision, self.text, self.written)),
            UNKNOWN if self.seconds is None else whole(self.seconds),
        )

    @property
    def metrics(self) -> dict[str, float]:
        numbers = {
            "answers": float(self.num_answers),
            "blind_answers": float(self.num_blind),
            "tokens": float(self.vision + self.text + self.written),
            **({} if self.seconds is None else {"seconds": self.seconds}),
        }
        name = f"cost/{BENCHMARK_STAGE}{self.benchmark.folder.name}_expected"
        return {f"{name}_{what}": value for what, value in numbers.items()}


def _cost(
    benchmark: AskedBenchmark,
    asked: Sequence[AskedShard],
    trials: Sequence[BlindTrial],
    speed: Speed | None,
) -> _Cost:
    own = [one for one in asked if one.benchmark == benchmark.folder.name]
    blind = [one for one in trials if one.place == benchmark.folder.name]
    num_answers = sum(one.questions.num_rows for one in own)
    # At most: it ends where the score is precise. Frames are as many and as large without pictures.
    num_blind = len(blind) * benchmark.num_selected
    num_all = num_answers + num_blind
    # The prompts of a shard are taken for as long as those of the others.
    times = num_all / benchmark.num_selected
    vision, text = round(times * benchmark.tokens.vision), round(times * benchmark.tokens.text)
    written = num_all * benchmark.folder.conditions.max_answer_tokens
    # Whoever answers in the place of a policy has another speed, which nobody measured.
    by_policies = sum(one.questions.num_rows for one in own if not one.candidate.answerer)
    by_policies += sum(benchmark.num_selected for one in blind if not one.candidate.answerer)
    seconds = None
    if not num_all:
        seconds = 0.0
    elif speed and by_policies:
        tokens = (vision + text + written) * by_policies / num_all
        seconds = tokens * speed.seconds_per_token
    return _Cost(
        benchmark=benchmark,
        num_models=len({one.candidate.name for one in own}),
        num_answers=num_answers,
        num_blind=num_blind,
        vision=vision,
        text=text,
        written=written,
        seconds=seconds,
    )


def _trials(
    candidates: Sequence[Candidate],
    asked: Sequence[AskedShard],
    questions: Questions,
    config: RetrainConfig,
) -> list[BlindTrial]:
    return blind_trials(candidates, asked, questions, config.evaluate, config.promote)


def _on_blind(costs: Sequence[_Cost], config: RetrainConfig) -> Iterator[str]:
    if any(cost.num_blind for cost in costs):
        yield (
            f"blind answers: without pictures ({', '.join(config.evaluate.blind)}), at most: fewer "
            f"once the score is known to {points(config.evaluate.blind_half_width)} points"
        )


def _on_seconds(speed: Speed | None, measured_by: str, of: str) -> str:
    if speed is None:
        return f"seconds: not known yet, nothing here measured {of}"
    return (
        f"seconds: of one device, at {whole(1 / speed.seconds_per_token)} tokens a second, as "
        f"{measured_by} measured {of}"
    )


def _on_videos(questions: Questions) -> Iterator[str]:
    for benchmark in questions.benchmarks:
        name, tokens = benchmark.folder.name, benchmark.tokens
        if tokens.num_opened < tokens.num_videos:
            yield (
                f"{name}: {tokens.num_opened} of {whole(tokens.num_videos)} videos, drawn by seed, "
                "stand for the vision tokens of all"
            )
        if tokens.unreadable:
            video, reason = next(iter(tokens.unreadable.items()))
            yield (
                f"{name}: {len(tokens.unreadable)} of {tokens.num_opened} videos cannot be opened, "
                f"e.g. {video}: {reason}"
            )


def _on_answerers(asked: Sequence[AskedShard]) -> Iterator[str]:
    others = {one.candidate.name: one.candidate.answerer for one in asked if one.candidate.answerer}
    for name, answerer in others.items():
        yield f"{name}: answered by {redact(answerer)}, whose time is not in the seconds"
