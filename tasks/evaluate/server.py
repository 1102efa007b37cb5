"""A model behind an OpenAI-compatible server, such as `vllm serve`; the only home of the `openai` client.

Frames go as vLLM takes them: JPEG pictures in one `video/jpeg` data URL, with their places and rate in
`media_io_kwargs`, so the server shows the sizes and times that an engine in this process would show. vLLM takes them
only if it was started with --trust-request-mm-kwargs.
"""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import openai
from PIL import Image

from tasks.benchmarks.conditions import Conditions
from tasks.core.errors import InputError
from tasks.core.seeding import derive_seed
from tasks.core.types import Sample
from tasks.evaluate.respond import Answer, Show, vision_tokens
from tasks.evaluate.served import Served
from tasks.rollout.inputs import video_metadata
from tasks.video.render import ShownVideo

_JPEG_QUALITY = 95
_TIMEOUT_SECONDS = 600.0
_AT_ONCE = 16
"""Requests under way; the server batches them."""
API_KEY_VARIABLE = "OPENAI_API_KEY"
_STEADY_FACTS = ("id", "root", "parent", "owned_by", "max_model_len")
"""Of an entry in the list of models; vLLM makes the others up anew for each request."""
_TEXT = (
    "A woman opens the door, puts three red apples on the table and looks at the clock: it is a quarter past nine. "
    "Then she walks out into the rain, and the video ends 24.3 seconds after it began."
)
"""How likely each of its tokens is depends on all weights of the language model."""


class ServerRespondent:
    """See `Respondent`. The key, if the server wants one, comes from the environment (OPENAI_API_KEY)."""

    def __init__(self, url: str, model: str, seed: int, api_key: str) -> None:
        """
        Raises:
            InputError: no server answers, or it does not serve `model`.
        """
        self._client = openai.OpenAI(base_url=url, api_key=api_key or "none", timeout=_TIMEOUT_SECONDS, max_retries=2)
        self._model, self._seed = model, seed
        try:
            served = {found.id: found for found in self._client.models.list()}
        except openai.OpenAIError as error:
            raise InputError(
                f"model: no OpenAI-compatible server answers at {url} ({error}); start one, e.g. "
                "vllm serve MODEL --trust-request-mm-kwargs"
            ) from error
        if model not in served:
            raise InputError(f"model: {url} does not serve {model!r}, only {', '.join(served) or 'nothing'}")
        self._entry: dict[str, Any] = served[model].model_dump()

    def describe(self) -> Served:
        """What there is to know about the served model.

        Raises:
            InputError: the server stopped answering.
        """
        facts = {name: str(self._entry[name]) for name in _STEADY_FACTS if self._entry.get(name) is not None}
        try:
            reply = self._client.completions.create(
                model=self._model, prompt=_TEXT, echo=True, logprobs=1, max_tokens=1, temperature=0.0
            )
        except openai.APIStatusError:  # many servers take chats only
            return Served(facts=facts)
        except openai.APIConnectionError as error:
            raise InputError("model: the server stopped answering; what was answered is kept, run again") from error
        if reply.system_fingerprint:
            facts["system_fingerprint"] = reply.system_fingerprint
        found = reply.choices[0].logprobs if reply.choices else None
        log_probs = tuple(value for value in (found and found.token_logprobs) or () if value is not None)
        return Served(facts=facts, log_probs=log_probs[:-1])  # the last one is of the token that it chose itself

    def respond(self, samples: Sequence[Sample], show: Show, conditions: Conditions) -> list[Answer]:
        """Shows one after the other, asks at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            waiting: list[Any] = []
            for sample in samples:
                try:
                    videos = show(sample)
                except ValueError as error:
                    waiting.append(Answer(sample_id=sample.sample_id, failure=str(error)))
                else:
                    waiting.append(pool.submit(self._ask, sample, videos, conditions))
            return [found if isinstance(found, Answer) else found.result() for found in waiting]

    def close(self) -> None:
        self._client.close()

    def _ask(self, sample: Sample, videos: Sequence[ShownVideo], conditions: Conditions) -> Answer:
        """
        Raises:
            InputError: the server stopped answering.
        """
        times = [_times(video) for video in videos]
        if any(found != times[0] for found in times):
            failure = "videos of different lengths cannot be sent in one request; use an engine in this process"
            return Answer(sample_id=sample.sample_id, failure=failure)
        try:
            reply = self._client.chat.completions.create(
                model=self._model,
                messages=_messages(sample, videos),
                temperature=conditions.temperature,
                max_tokens=conditions.max_answer_tokens,
                seed=derive_seed(self._seed, "benchmark", sample.sample_id) % 2**31,
                extra_body={
                    "media_io_kwargs": {"video": {"num_frames": -1, **times[0]}},
                    "mm_processor_kwargs": {"do_resize": False},
                },
            )
        except openai.APIStatusError as error:
            if error.status_code >= 500:
                raise InputError(f"model: the server failed: {error}") from error
            return Answer(sample_id=sample.sample_id, failure=f"the server refused it: {error}"[:500])
        except openai.APIConnectionError as error:
            raise InputError("model: the server stopped answering; what was answered is kept, run again") from error
        choice = reply.choices[0]
        return Answer(
            sample_id=sample.sample_id,
            text=choice.message.content or "",
            num_vision_tokens=sum(map(vision_tokens, videos)),
            num_answer_tokens=reply.usage.completion_tokens if reply.usage else 0,
            truncated=choice.finish_reason == "length",
        )


def read_address(name: str) -> tuple[str, str] | None:
    """(base URL, model) of `http://host:port/v1#model`; None if `name` is no such address.

    Raises:
        InputError: the model is missing.
    """
    parts = urlsplit(name)
    if parts.scheme not in ("http", "https"):
        return None
    if not parts.fragment:
        raise InputError(f"model: got {name!r}, expected an address with a model, e.g. http://localhost:8000/v1#NAME")
    return name.removesuffix(f"#{parts.fragment}"), parts.fragment


def _messages(sample: Sample, videos: Sequence[ShownVideo]) -> Any:
    """The same content as `tasks.rollout.prompt` renders."""
    facts = sample.benchmark
    content: list[dict[str, Any]] = []
    for position, video in enumerate(videos, start=1):
        if len(videos) > 1:
            content.append({"type": "text", "text": f"{facts.video_label if facts else 'Video'} {position}:"})
        content.append({"type": "video_url", "video_url": {"url": f"data:video/jpeg;base64,{_jpegs(video)}"}})
    content.append({"type": "text", "text": sample.question})
    system = [{"role": "system", "content": facts.system_prompt}] if facts and facts.system_prompt else []
    return [*system, {"role": "user", "content": content}]


def _times(video: ShownVideo) -> dict[str, Any]:
    metadata = video_metadata(video)
    indices = list(metadata.frames_indices or [])
    return {
        "fps": metadata.fps,
        "frames_indices": indices,
        "total_num_frames": max(indices[-1] + 1, len(indices)),
        "duration": metadata.duration,
    }


def _jpegs(video: ShownVideo) -> str:
    return ",".join(_jpeg(frame) for frame in video.frames)


def _jpeg(frame: Any) -> str:
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return base64.b64encode(out.getvalue()).decode()
