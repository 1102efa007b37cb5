"""A model behind an OpenAI-compatible server, such as `vllm serve`; the only home of the `openai`
client.

Frames go as vLLM takes them: JPEG pictures in one `video/jpeg` data URL, with their places and rate
in `media_io_kwargs`, so the server shows the sizes and times that an engine in this process would
show. vLLM takes them only if it was started with --trust-request-mm-kwargs.

An address and a name say nothing about the weights behind them. So answers belong to the run in
which they were given: a finished run's are not used again, an interrupted run goes on with its own.
It does so only if the server looks the same as when the run began, by what it says about itself and
by how likely it finds a fixed text. That tells another model and another set-up, and weights that
differ much; weights that differ a little it cannot tell from the last bits that change with what
else is computed at that moment.
"""

import base64
import io
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

import openai
from PIL import Image
from pydantic import TypeAdapter

from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.seeding import derive_seed
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.rollout.answerer import Reply, Sampling, Show
from tasks.rollout.inputs import video_metadata
from tasks.rollout.prompt import chat_messages
from tasks.video.render import ShownVideo

_JPEG_QUALITY = 95
_TIMEOUT_SECONDS = 600.0
_AT_ONCE = 16
"""Requests under way; the server batches them."""
API_KEY_VARIABLE = "OPENAI_API_KEY"
_STEADY_FACTS = ("id", "root", "parent", "owned_by", "max_model_len")
"""Of an entry in the list of models; vLLM makes the others up anew for each request."""
_TEXT = (
    "A woman opens the door, puts three red apples on the table and looks at the clock: it is a "
    "quarter past nine. Then she walks out into the rain, and the video ends 24.3 seconds after "
    "it began."
)
"""How likely each of its tokens is depends on all weights of the language model."""
_SAME_NATS = 0.1
"""Mean distance of log-probabilities by token: a choice, far above the last bits of 16-bit numbers,
which change with what else is in the batch. A false alarm would cost all answers of a run."""
_STOPPED = "model: the server stopped answering; what was answered is kept, run again"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model behind a server, as far as the server tells."""

    facts: dict[str, str]
    """Of its entry in the list of models, and the fingerprint of its replies; no times."""
    log_probs: tuple[float, ...] = ()
    """Of the tokens of a fixed text, in nats; empty if the server tells none."""


class ServerAnswerer:
    """See `Answerer`. A key, if the server wants one, comes from OPENAI_API_KEY."""

    def __init__(self, url: str, model: str, seed: int, api_key: str, served: str = "") -> None:
        """`served`: what `remember` said; a server that looks different later ends the run."""
        self._client = openai.OpenAI(
            base_url=url, api_key=api_key or "none", timeout=_TIMEOUT_SECONDS, max_retries=2
        )
        self._url, self._model, self._seed, self._served = url, model, seed, served
        self.digest = digest_of(f"{url}#{model}", seed, served)
        self._is_checked = False

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """Shows one after the other, asks at once.

        Raises:
            InputError: the server stopped answering, or serves something else than when the run
                began.
        """
        waiting: list[Any] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for sample in samples:
                try:
                    videos = show(sample)
                except ValueError as error:
                    waiting.append(Reply(sample_id=sample.sample_id, failure=str(error)))
                else:
                    self._check_once()
                    waiting.append(pool.submit(self._ask, sample, videos, sampling))
            replies = [reply if isinstance(reply, Reply) else reply.result() for reply in waiting]
        if any(reply.texts for reply in replies):
            self._check()  # before they are kept: replies of two models would be scored as one's
        return replies

    def close(self) -> None:
        """See `Answerer`."""
        self._client.close()

    def describe(self) -> Served:
        """What there is to know about the served model.

        Raises:
            InputError: no server answers, or it does not serve the model.
        """
        entry = self._entry()
        facts = {name: str(entry[name]) for name in _STEADY_FACTS if entry.get(name) is not None}
        try:
            reply = self._client.completions.create(
                model=self._model,
                prompt=_TEXT,
                echo=True,
                logprobs=1,
                max_tokens=1,
                temperature=0.0,
            )
        except openai.APIStatusError:  # many servers take chats only
            return Served(facts=facts)
        except openai.APIConnectionError as error:
            raise InputError(_STOPPED) from error
        if reply.system_fingerprint:
            facts["system_fingerprint"] = reply.system_fingerprint
        told = reply.choices[0].logprobs if reply.choices else None
        log_probs = tuple(
            value for value in (told and told.token_logprobs) or () if value is not None
        )
        return Served(
            facts=facts, log_probs=log_probs[:-1]
        )  # the last one is of the token that it chose itself

    def _entry(self) -> dict[str, Any]:
        try:
            served = {entry.id: entry for entry in self._client.models.list()}
        except openai.OpenAIError as error:
            raise InputError(
                f"model: no OpenAI-compatible server answers at {self._url} ({error}); start one, "
                "e.g. vllm serve MODEL --trust-request-mm-kwargs"
            ) from error
        if self._model not in served:
            raise InputError(
                f"model: {self._url} does not serve {self._model!r}, only "
                f"{', '.join(served) or 'nothing'}"
            )
        return served[self._model].model_dump()

    def _check_once(self) -> None:
        if not self._is_checked:
            self._check()
            self._is_checked = True

    def _check(self) -> None:
        if self._served and not looks_same(_read(self._served), self.describe()):
            raise InputError(
                f"model: what {self._url}#{self._model} serves has changed while it was asked; "
                "run the same command again, and it is asked everything anew"
            )

    def _ask(self, sample: Sample, videos: Sequence[ShownVideo], sampling: Sampling) -> Reply:
        """
        Raises:
            InputError: the server stopped answering.
        """
        # `media_io_kwargs` holds once for all videos of a request, so all need the same times.
        times = [_times(video) for video in videos]
        if any(other != times[0] for other in times):
            failure = (
                "videos of different lengths cannot be sent in one request; use an engine "
                "in this process"
            )
            return Reply(sample_id=sample.sample_id, failure=failure)
        parts = [{"type": "video_url", "video_url": {"url": _data_url(video)}} for video in videos]
        messages: Any = chat_messages(sample, parts)
        try:
            reply = self._client.chat.completions.create(
                model=self._model,
                messages=messages,
                temperature=sampling.temperature,
                max_tokens=sampling.max_tokens,
                seed=derive_seed(self._seed, *sampling.purpose, sample.sample_id) % 2**31,
                n=sampling.num_completions,
                extra_body={
                    "media_io_kwargs": {"video": {"num_frames": -1, **times[0]}},
                    "mm_processor_kwargs": {"do_resize": False},
                },
            )
        except openai.APIStatusError as error:
            # What fails in the server concerns every question and ends the run, which goes on
            # later; what it refuses concerns this question alone.
            if error.status_code >= 500:
                raise InputError(f"model: the server failed: {error}") from error
            return Reply(
                sample_id=sample.sample_id, failure=f"the server refused it: {error}"[:500]
            )
        except openai.APIConnectionError as error:
            raise InputError(_STOPPED) from error
        # The server counts the tokens of all completions together: they stand with the first.
        num_tokens = reply.usage.completion_tokens if reply.usage else 0
        return Reply(
            sample_id=sample.sample_id,
            texts=tuple(choice.message.content or "" for choice in reply.choices),
            num_tokens=(num_tokens, *[0] * (len(reply.choices) - 1)),
            truncated=tuple(choice.finish_reason == "length" for choice in reply.choices),
            num_vision_tokens=sum(video.num_tokens for video in videos),
        )


def looks_same(one: Served, other: Served) -> bool:
    """Whether nothing speaks against both being the same model."""
    if one.facts != other.facts or len(one.log_probs) != len(other.log_probs):
        return False
    distances = [abs(a - b) for a, b in zip(one.log_probs, other.log_probs, strict=True)]
    return not distances or fmean(distances) <= _SAME_NATS


def remember(store: Store, run_id: str, name: str, now: Served) -> str:
    """What the answers of model `name` in this run belong to; another text once it changed."""
    key = f"answers/served/{digest_of(run_id, name)}.json"
    if store.exists(key):
        kept = store.read_bytes(key).decode()
        if looks_same(_read(kept), now):
            logger.warning(
                "%s: the run goes on with the answers it has; the server looks the same as then",
                name,
            )
            return kept
        logger.warning(
            "%s: the server looks different from when the run began, so all questions are asked "
            "anew",
            name,
        )
    text = json.dumps({"run": run_id, **asdict(now)}, sort_keys=True)
    store.write_bytes(key, text.encode())
    return text


def read_address(name: str) -> tuple[str, str] | None:
    """(base URL, model) of `http://host:port/v1#model`; None if `name` is no such address.

    Raises:
        InputError: the model is missing.
    """
    parts = urlsplit(name)
    if parts.scheme not in ("http", "https"):
        return None
    if not parts.fragment:
        raise InputError(
            f"model: got {name!r}, expected an address with a model, e.g. "
            "http://localhost:8000/v1#NAME"
        )
    return name.removesuffix(f"#{parts.fragment}"), parts.fragment


def _read(text: str) -> Served:
    return TypeAdapter(Served).validate_json(text)


def _times(video: ShownVideo) -> dict[str, Any]:
    metadata = video_metadata(video)
    indices = list(metadata.frames_indices or [])
    return {
        "fps": metadata.fps,
        "frames_indices": indices,
        "total_num_frames": max(indices[-1] + 1, len(indices)),
        "duration": metadata.duration,
    }


def _data_url(video: ShownVideo) -> str:
    return f"data:video/jpeg;base64,{','.join(_jpeg(frame) for frame in video.frames)}"


def _jpeg(frame: Any) -> str:
    out = io.BytesIO()
    # With chroma subsampling the edges of colours would be lost.
    Image.fromarray(frame).save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return base64.b64encode(out.getvalue()).decode()
