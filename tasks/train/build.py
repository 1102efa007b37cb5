"""A GRPO run put together: policy, reference, engine, rollouts and data; and its result kept."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.reuse import find_output, keep_output
from tasks.core.reward import RewardKind
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import Clip, Sample, StageReport
from tasks.policy.checkpoint import Policy, open_policy, store_policy
from tasks.rollout.collect import Collector, Group
from tasks.rollout.setup import make_collector
from tasks.rollout.source import PromptMaker, PromptsAhead
from tasks.tracking.tracker import Tracker
from tasks.train.answers import constant_rewards
from tasks.train.checkpoints import Checkpoints
from tasks.train.engine import TrainEngine
from tasks.train.job import GrpoJob
from tasks.train.loop import Grpo
from tasks.train.lora import merged, save_adapters
from tasks.train.samples_page import samples_page
from tasks.train.trainable import Reference, base_of, frozen_copy, make_trainable
from tasks.train.training_run import RUN_ID, TrainingRun


def train_grpo(job: GrpoJob, tracker: Tracker) -> TrainedPolicy:
    """Do `job`; a finished run with the same inputs is reused, an unfinished one goes on."""
    found = find_output(job.store, job.key, TrainedPolicy)
    if found is not None:
        return replace(found, report=_report(job, 0.0, {"reused": 1.0}))
    started = time.perf_counter()
    policy = open_policy(job.store, job.start, job.model.dtype)
    make_trainable(policy.model, job.config, job.run.seed)
    engine = TrainEngine(
        policy.model,
        learning_rate=job.config.learning_rate,
        max_grad_norm=job.config.max_grad_norm,
        zero_stage=job.config.zero_stage,
        offload_optimizer=job.config.offload_optimizer,
    )
    samples = read_rows(job.store, job.samples, Sample)
    grpo = _grpo(job, policy, engine, tracker, samples)
    try:
        run = _run(job, engine, tracker)
        grpo.train(run, samples, job.run.seed)
        trained = _keep(job, grpo, engine, run, started)
        engine.close()
        return trained
    finally:
        grpo.collector.close()  # last: vLLM takes the ranks' process group with it


def _grpo(
    job: GrpoJob,
    policy: Policy,
    engine: TrainEngine,
    tracker: Tracker,
    samples: Sequence[Sample],
) -> Grpo:
    config, clips = job.config, read_clips(job.store, job.clips)

    def weights() -> Iterator[tuple[str, Tensor]]:
        named = engine.named_weights()
        return merged(named, config) if config.lora_rank else named

    def show(number: int, groups: Sequence[Group]) -> None:
        is_due = number % config.show_every_steps == 0 or number == config.num_steps - 1
        if engine.ranks.is_first and is_due:
            page = samples_page(
                number, groups, job.store, clips, divide_by_std=config.divide_by_std
            )
            name = f"rollouts/step-{job.first_step + number:06d}.html"
            tracker.log_bytes(name, page.encode())

    return Grpo(
        policy=policy,
        reference=_reference(job, policy),
        engine=engine,
        weights=weights,
        collector=_collector(job, policy, clips),
        clips=clips,
        config=config,
        logprob_gap_alarm=job.rollout.logprob_gap_alarm,
        on_groups=show,
        constants=constant_rewards(samples, clips, job.run.seed),
    )


def _reference(job: GrpoJob, policy: Policy) -> Reference | None:
    # Nothing else is measured against the reference, and it costs a pass a row and, without
    # adapters, a second model in memory.
    if job.config.kl_coefficient == 0:
        return None
    if job.config.lora_rank:
        return base_of(policy)
    return frozen_copy(open_policy(job.store, job.start, job.model.dtype))


def _collector(job: GrpoJob, policy: Policy, clips: Mapping[str, Clip]) -> Collector:
    config = job.config
    # The trained model itself generates where it is whole and has the shape of an ordinary one.
    is_shared = config.zero_stage < 3 and not config.lora_rank
    answering = policy if is_shared else open_policy(job.store, job.start, job.model.dtype)
    collector = make_collector(answering, job.rollout, job.store, clips, job.run.seed)
    maker = PromptMaker(policy.processor, job.store, clips, encodes=True)
    ahead = config.prefetch_workers
    prompts = PromptsAhead(maker, ahead) if ahead else maker
    return replace(collector, prompts=prompts, reward=RewardKind(config.reward))


def _run(job: GrpoJob, engine: TrainEngine, tracker: Tracker) -> TrainingRun[TrainStep]:
    origin = {"start": job.start.key, "samples": job.samples.key, "clips": job.clips.key}
    checkpoints = Checkpoints(
        store=job.store,
        key=f"{job.key}/checkpoints",
        row_type=TrainStep,
        engine=engine,
        num_kept=job.config.checkpoints_kept,
        origin={RUN_ID: tracker.run_id} | origin,
    )
    return TrainingRun(
        title="GRPO",
        num_steps=job.config.num_steps,
        checkpoints=checkpoints,
        checkpoint_every_steps=job.config.checkpoint_every_steps,
        tracker=tracker,
        first_step=job.first_step,
    )


def _keep(
    job: GrpoJob, grpo: Grpo, engine: TrainEngine, run: TrainingRun[TrainStep], started: float
) -> TrainedPolicy:
    """Write what the run leaves; every rank takes part, the first one writes."""
    store, key, ranks = job.store, job.key, engine.ranks
    if job.config.lora_rank:
        _keep_adapters(job, engine)
    # Every rank iterates, since they gather the weights together; only the first one holds them.
    weights = {name: tensor.cpu() for name, tensor in grpo.weights() if ranks.is_first}
    trained = None
    if ranks.is_first:
        trained = TrainedPolicy(
            policy=store_policy(store, f"{key}/policy", grpo.policy, weights),
            record=write_rows(store, f"{key}/record.parquet", TrainStep, run.record),
            report=_report(job, time.perf_counter() - started, run.counts),
        )
        keep_output(store, key, trained)
        # Only now: until the output is kept, the checkpoints are all that there is of the run.
        store.delete(f"{key}/checkpoints")
    [trained, *_] = ranks.gather(trained)
    assert trained is not None
    return trained


def _keep_adapters(job: GrpoJob, engine: TrainEngine) -> None:
    named = engine.named_weights()
    adapters = {name: tensor.cpu() for name, tensor in named if engine.ranks.is_first}
    if engine.ranks.is_first:
        folder = job.store.scratch_folder()
        save_adapters(adapters.items(), job.config, folder)
        job.store.write_folder(f"{job.key}/adapters", folder)


def _report(job: GrpoJob, seconds: float, counts: Mapping[str, float]) -> StageReport:
    prompts = job.config.num_steps * job.config.prompts_per_step
    epochs = prompts / job.samples.num_rows
    own = {"steps": job.config.num_steps, "prompts": prompts, "epochs": epochs, "reused": 0.0}
    return StageReport(stage="train", seconds=seconds, counts=own | dict(counts))
