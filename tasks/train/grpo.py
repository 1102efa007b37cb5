"""GRPO from one policy to the next: puts policy, reference, engine and data together, and keeps the result."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.core.manifest import read_clips, read_rows, write_rows
from tasks.core.reuse import find_output, keep_output
from tasks.core.training import Trained, TrainStep
from tasks.core.types import Artifact, Clip, Sample, StageReport
from tasks.policy.checkpoint import Policy, open_policy, store_policy
from tasks.rollout.collect import Collector, Group
from tasks.rollout.setup import make_collector
from tasks.rollout.source import PromptMaker, PromptsAhead
from tasks.tracking.tracker import Tracker
from tasks.train.checkpoints import Checkpoints
from tasks.train.engine import TrainEngine
from tasks.train.job import GrpoJob
from tasks.train.look import rollouts_page
from tasks.train.lora import merged, save_adapters
from tasks.train.order import spare_samples, step_samples
from tasks.train.reference import Reference, base_of, frozen_copy
from tasks.train.run import RUN_ID, Finished, TrainingRun
from tasks.train.step import Grpo
from tasks.train.trainable import make_trainable


def train_grpo(job: GrpoJob, tracker: Tracker) -> Trained:
    """Do `job`; a finished run with the same inputs is reused, an unfinished one goes on."""
    store, key, config = job.store, job.key, job.config
    found = find_output(store, key, Trained)
    if found is not None:
        return replace(found, report=_report(0.0, config, job.samples, {"reused": 1.0}))
    started = time.perf_counter()
    grpo = _open(job, tracker)
    try:
        finished = _train(job, grpo, tracker)
        trained = _keep(job, grpo, finished, time.perf_counter() - started)
        grpo.engine.close()
        return trained
    finally:
        grpo.collector.close()  # last: vLLM takes the ranks' process group with it


def _open(job: GrpoJob, tracker: Tracker) -> Grpo[TrainEngine]:
    """Everything that steps need; memory for it is taken here."""
    config = job.config
    policy = open_policy(job.store, job.start, job.model.dtype)
    make_trainable(policy.model, config, job.run.seed)
    engine = TrainEngine(
        policy.model,
        learning_rate=config.learning_rate,
        max_grad_norm=config.max_grad_norm,
        zero_stage=config.zero_stage,
        offload_optimizer=config.offload_optimizer,
    )

    def weights() -> Iterator[tuple[str, Tensor]]:
        named = engine.named_weights()
        return merged(named, config) if config.lora_rank else named

    def look(number: int, groups: Sequence[Group]) -> None:
        is_shown = number % config.show_every_steps == 0 or number == config.num_steps - 1
        if engine.ranks.is_first and is_shown:
            page = rollouts_page(number, groups, job.store, clips, divide_by_std=config.divide_by_std)
            tracker.log_bytes(f"rollouts/step-{job.first_step + number:06d}.html", page.encode())

    clips = read_clips(job.store, job.clips)
    return Grpo(
        policy=policy,
        reference=_reference(job, policy),
        engine=engine,
        weights=weights,
        collector=_collector(job, policy, clips),
        clips=clips,
        config=config,
        logprob_gap_alarm=job.rollout.logprob_gap_alarm,
        look=look,
    )


def _collector(job: GrpoJob, policy: Policy, clips: Mapping[str, Clip]) -> Collector:
    config = job.config
    # The trained model itself generates where it is whole and has the shape of an ordinary one.
    is_shared = config.zero_stage < 3 and not config.lora_rank
    answering = policy if is_shared else open_policy(job.store, job.start, job.model.dtype)
    collector = make_collector(answering, job.rollout, job.store, clips, job.run.seed)
    maker = PromptMaker(policy.processor, job.store, clips, encodes=True)
    prompts = PromptsAhead(maker, config.prefetch_workers) if config.prefetch_workers else maker
    return replace(collector, prompts=prompts, is_strict=config.reward == "strict")


def _reference(job: GrpoJob, policy: Policy) -> Reference | None:
    if job.config.kl_coefficient == 0:
        return None
    return base_of(policy) if job.config.lora_rank else frozen_copy(open_policy(job.store, job.start, job.model.dtype))


def _train(job: GrpoJob, grpo: Grpo[TrainEngine], tracker: Tracker) -> Finished[TrainStep]:
    config, seed = job.config, job.run.seed
    rows = read_rows(job.store, job.samples, Sample)

    def samples_of(number: int) -> list[Sample]:
        return step_samples(rows, number, config.prompts_per_step, seed) if number < config.num_steps else []

    def step(number: int) -> TrainStep:
        chosen = samples_of(number)
        num_spares = config.refill_rounds * config.prompts_per_step if config.flat_groups == "resample" else 0
        spares = spare_samples(rows, number, chosen, num_spares, seed)
        return grpo.step(number, chosen, spares, samples_of(number + 1))

    return TrainingRun(
        title="GRPO",
        num_steps=config.num_steps,
        step=step,
        restored=lambda: grpo.collector.engine.load_weights(grpo.weights()),
        checkpoints=Checkpoints(
            store=job.store,
            key=f"{job.key}/checkpoints",
            row_type=TrainStep,
            engine=grpo.engine,
            num_kept=config.checkpoints_kept,
            origin={RUN_ID: tracker.run_id, "start": job.start.key, "samples": job.samples.key, "clips": job.clips.key},
        ),
        checkpoint_every_steps=config.checkpoint_every_steps,
        max_skipped_in_a_row=config.max_skipped_in_a_row,
        tracker=tracker,
        first_step=job.first_step,
    ).train()


def _keep(job: GrpoJob, grpo: Grpo[TrainEngine], finished: Finished[TrainStep], seconds: float) -> Trained:
    """Write what the run leaves; every rank takes part, the first one writes."""
    store, key, ranks = job.store, job.key, grpo.engine.ranks
    if job.config.lora_rank:
        _keep_adapters(job, grpo.engine)
    weights = {name: tensor.cpu() for name, tensor in grpo.weights() if ranks.is_first}
    trained = None
    if ranks.is_first:
        trained = Trained(
            policy=store_policy(store, f"{key}/policy", grpo.policy, weights),
            record=write_rows(store, f"{key}/record.parquet", TrainStep, finished.record),
            report=_report(seconds, job.config, job.samples, finished.counts),
        )
        keep_output(store, key, trained)
        store.delete(f"{key}/checkpoints")
    [trained, *_] = ranks.gather(trained)
    assert trained is not None
    return trained


def _keep_adapters(job: GrpoJob, engine: TrainEngine) -> None:
    adapters = {name: tensor.cpu() for name, tensor in engine.named_weights() if engine.ranks.is_first}
    if engine.ranks.is_first:
        folder = job.store.scratch_folder()
        save_adapters(adapters.items(), job.config, folder)
        job.store.write_folder(f"{job.key}/adapters", folder)


def _report(seconds: float, config: TrainConfig, samples: Artifact, counts: Mapping[str, float]) -> StageReport:
    prompts = config.num_steps * config.prompts_per_step
    own = {"steps": config.num_steps, "prompts": prompts, "epochs": prompts / samples.num_rows, "reused": 0.0}
    return StageReport(stage="train", seconds=seconds, counts=own | dict(counts))
