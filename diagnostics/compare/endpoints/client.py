"""A client of OpenAI-compatible chat endpoints: vLLM, `transformers serve`, hosted services.

The wire format is that of OpenAI's chat completions: server-sent events, one JSON object each, ended by `[DONE]`
(platform.openai.com/docs/api-reference/chat-streaming). `transformers serve` sends no `[DONE]`, and its last piece
bears the usage unasked.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from diagnostics.compare.endpoints.errors import EndpointFailed, of_event, of_status, of_transport
from diagnostics.compare.endpoints.key import KeyUnusable, host_of, is_this_machine, key_for, redacted, shown
from diagnostics.compare.models.mailbox import Sampling
from diagnostics.run.refusal import Sentence

RETRIES = 3
BACKOFF_SECONDS = 0.5  # doubled at each try
LONGEST_WAIT = 30.0  # seconds; an endpoint that asks for more is not waited for
MOST_BYTES = 64 << 20  # of one answer's stream, 100,000 tokens at 600 bytes an event
END_REASONS = {"stop": "end", "eos": "end", "eos_token": "end", "length": "length", "max_tokens": "length"}

Told = Callable[["Completion"], None]


@dataclass(frozen=True)
class Limits:
    """How long an endpoint is waited for, in seconds. `idle`: between two signs of life. `whole`: for one answer."""

    connect: float = 5.0
    idle: float = 120.0
    whole: float = 1800.0


@dataclass(frozen=True)
class Completion:
    """An answer as it stands. `tokens` are the endpoint's own count if `counted`, else the pieces that came.

    `seconds`, `first_token_seconds`: wall time from the sending of the request that was answered. `stop`: `end` or
    `length`, None until it is whole. `notes`: what of the request the endpoint did not take.
    """

    text: str = ""
    tokens: int = 0
    counted: bool = False
    prompt_tokens: int | None = None
    seconds: float | None = None
    first_token_seconds: float | None = None
    stop: Literal["end", "length"] | None = None
    notes: tuple[str, ...] = ()


def complete(
    endpoint: str,
    model: str,
    messages: Sequence[Mapping[str, str]],
    sampling: Sampling,
    on_text: Told | None = None,
    limits: Limits | None = None,
) -> Completion:
    """One answer, waited for; `on_text` is called with each state on the way. Not to be called from an event loop.

    Raises:
        EndpointFailed: there is no whole answer.
    """

    async def run() -> Completion:
        async with client(endpoint, limits or Limits()) as http:
            return await stream(http, endpoint, model, messages, sampling, on_text or (lambda _: None), limits)

    return asyncio.run(run())


def models(endpoint: str, limits: Limits | None = None) -> tuple[str, ...]:
    """The names of the models that an endpoint offers.

    Raises:
        EndpointFailed: it does not list them.
    """
    limits = limits or Limits(idle=10.0)
    address, key = shown(endpoint), read_key(endpoint)
    try:
        with httpx.Client(**settings(endpoint, limits)) as http:
            answer = http.get(f"{endpoint.rstrip('/')}/models", headers=headers_of(key))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise without_key(of_transport(address, error, limits.idle), key) from None
    if answer.status_code != 200:
        raise without_key(of_status(address, "", answer.status_code, answer.text, answer.headers), key)
    try:
        return tuple(str(one["id"]) for one in answer.json()["data"])
    except (ValueError, KeyError, TypeError):
        raise EndpointFailed(
            f"{address}: sent no list of models; is it an OpenAI-compatible endpoint?",
            f"{address}：没有给出模型列表；它是 OpenAI 兼容的端点吗？",
        ) from None


def client(endpoint: str, limits: Limits) -> httpx.AsyncClient:
    """A client for many answers of one endpoint."""
    return httpx.AsyncClient(**settings(endpoint, limits))


def settings(endpoint: str, limits: Limits) -> dict[str, Any]:
    """How a client is made: no redirects; no proxy for an endpoint on this very machine."""
    return {
        "timeout": httpx.Timeout(limits.idle, connect=limits.connect),
        "follow_redirects": False,
        "trust_env": not is_this_machine(host_of(endpoint)),
    }


def headers_of(key: str | None) -> dict[str, str]:
    """The headers of a request."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def read_key(endpoint: str) -> str | None:
    """The endpoint's key.

    Raises:
        EndpointFailed: there is one that cannot be sent.
    """
    try:
        return key_for(endpoint)
    except KeyUnusable as error:
        raise EndpointFailed.of(error) from None


async def stream(
    http: httpx.AsyncClient,
    endpoint: str,
    model: str,
    messages: Sequence[Mapping[str, str]],
    sampling: Sampling,
    on_text: Told,
    limits: Limits | None = None,
) -> Completion:
    """One answer, tried again while nothing of it had come and the failure may pass.

    Raises:
        EndpointFailed: there is no whole answer.
    """
    limits = limits or Limits()
    key, address = read_key(endpoint), shown(endpoint)
    body = body_of(model, messages, sampling)
    notes: tuple[str, ...] = ()
    tried = 0
    while True:
        try:
            async with asyncio.timeout(limits.whole):
                done = await try_once(http, endpoint, body, key, limits, on_text)
            return replace(done, notes=(*notes, *done.notes))
        except TimeoutError:
            raise EndpointFailed(
                f"{address}: is too slow: no whole answer in {limits.whole:g} s.",
                f"{address}：太慢：{limits.whole:g} 秒内没有完整的回答。",
            ) from None
        except Unsupported as error:
            note = error.leave_out(body)
            if note is None:
                raise without_key(error.failure, key) from None
            notes = (*notes, Sentence(f"{address}: {note}", f"{address}：{note.chinese}"))
        except EndpointFailed as error:
            tried += 1
            wait = error.after if error.after is not None else BACKOFF_SECONDS * 2 ** (tried - 1)
            if not error.again or error.text or tried > RETRIES or wait > LONGEST_WAIT:
                raise without_key(error, key) from None
            await asyncio.sleep(wait)


def body_of(model: str, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> dict[str, Any]:
    """The body of a request."""
    return {
        "model": model,
        "messages": [dict(one) for one in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        "seed": sampling.seed,
        "max_tokens": sampling.max_new_tokens,
    }


class Unsupported(Exception):
    """An endpoint refuses a field of the request that it could do without."""

    def __init__(self, failure: EndpointFailed, said: str) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.said = said

    def leave_out(self, body: dict[str, Any]) -> Sentence | None:
        """Take out of the body what was refused; returns what that means, None if it is nothing dispensable."""
        if "max_completion_tokens" in self.said and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
            return Sentence("takes max_completion_tokens", "要求用 max_completion_tokens")
        for name, meaning in (
            ("stream_options", Sentence("does not count tokens", "不统计词元数")),
            (
                "seed",
                Sentence(
                    "takes no seed: the same request may be answered otherwise",
                    "不接受随机种子：同样的请求可能得到不同的回答",
                ),
            ),
        ):
            if name in self.said and body.pop(name, None) is not None:
                return meaning
        return None


async def try_once(
    http: httpx.AsyncClient, endpoint: str, body: dict[str, Any], key: str | None, limits: Limits, on_text: Told
) -> Completion:
    """One request.

    Raises:
        EndpointFailed: there is no whole answer; the failure keeps what came.
        Unsupported: a field was refused.
    """
    address, model = shown(endpoint), str(body["model"])
    reader = StreamReader(address, model)
    try:
        url = f"{endpoint.rstrip('/')}/chat/completions"
        async with http.stream("POST", url, json=body, headers=headers_of(key)) as answer:
            if answer.status_code != 200:
                said = (await read_some(answer)).decode("utf-8", "replace")
                failure = of_status(address, model, answer.status_code, said, answer.headers)
                raise Unsupported(failure, said) if answer.status_code in (400, 422) else failure
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "application/json":
                return reader.whole(await read_some(answer))
            if kind != "text/event-stream":
                raise EndpointFailed(
                    f"{address}: answered with {kind or 'nothing known'} instead of a chat completion.",
                    f"{address}：答复是 {kind or '未知内容'}，而不是聊天补全。",
                )
            async for line in lines_of(answer, address):
                if reader.take(line):
                    on_text(reader.state())
                if reader.over:
                    break
        return reader.finish()
    except EndpointFailed as error:
        error.text = error.text or reader.text
        raise
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
        failure = of_transport(address, error, limits.idle)
        if reader.pieces:
            failure = EndpointFailed(
                f"{failure.said('en')} The answer is cut off there.",
                f"{failure.said('zh')} 回答在那里被截断。",
                reader.text,
            )
        raise failure from None


async def read_some(answer: httpx.Response, most: int = 1 << 20) -> bytes:
    """The start of a body."""
    data = b""
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) > most:
            break
    return data[:most]


async def lines_of(answer: httpx.Response, address: str) -> AsyncIterator[bytes]:
    """The lines of a stream. Split at line feeds only: JSON may hold other separators, such as U+2028, as they are.

    Raises:
        EndpointFailed: it sends without end.
    """
    rest, count = b"", 0
    async for chunk in answer.aiter_bytes():
        count += len(chunk)
        if count > MOST_BYTES:
            raise EndpointFailed(
                f"{address}: sends without end; stopped after {MOST_BYTES >> 20} MiB.",
                f"{address}：发送没有尽头；{MOST_BYTES >> 20} MiB 后已停止。",
            )
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


class StreamReader:
    """Puts an answer together from the lines of its stream."""

    def __init__(self, address: str, model: str) -> None:
        self.address = address
        self.model = model
        self.parts: list[str] = []
        self.pieces = 0
        self.reasoned = 0
        self.reason: str | None = None
        self.usage: Mapping[str, Any] | None = None
        self.over = False
        self._choices = False
        self._started = time.monotonic()
        self._first: float | None = None

    @property
    def text(self) -> str:
        """What has come."""
        return "".join(self.parts)

    def take(self, line: bytes) -> bool:
        """Take one line; returns whether the text grew.

        Raises:
            EndpointFailed: it is no piece of a chat completion, or an error.
        """
        line = line.strip()
        if not line.startswith(b"data:"):
            return False  # blank lines, comments that keep the connection alive, names of events
        data = line[5:].strip()
        if data == b"[DONE]":
            self.over = True
            return False
        try:
            piece = json.loads(data)
        except ValueError:
            raise self.rubbish(data) from None
        if not isinstance(piece, dict):
            raise self.rubbish(data)
        if piece.get("error"):
            raise of_event(self.address, self.model, piece["error"])
        if isinstance(piece.get("usage"), dict):
            self.usage = piece["usage"]
        choices = piece.get("choices")
        if not isinstance(choices, list) or not choices:
            return False
        return self.choice(choices[0], data)

    def choice(self, choice: Any, data: bytes) -> bool:
        """Take one piece's choice; returns whether the text grew."""
        delta = (choice.get("delta") or {}) if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            raise self.rubbish(data)
        self._choices = True
        self.reason = choice.get("finish_reason") or self.reason
        if delta.get("reasoning_content") or delta.get("reasoning"):
            self.reasoned += 1
        content = delta.get("content")
        if content is not None and not isinstance(content, str):
            raise self.rubbish(data)
        if not content:
            return False
        if self._first is None:
            self._first = time.monotonic() - self._started
        self.pieces += 1
        self.parts.append(content)
        return True

    def whole(self, data: bytes) -> Completion:
        """The answer of an endpoint that sent it in one piece.

        Raises:
            EndpointFailed: it is none.
        """
        try:
            piece = json.loads(data)
        except ValueError:
            raise self.rubbish(data) from None
        if isinstance(piece, dict) and piece.get("error"):
            raise of_event(self.address, self.model, piece["error"])
        try:
            choice = piece["choices"][0]
            text, reason, usage = choice["message"]["content"] or "", choice.get("finish_reason"), piece.get("usage")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise EndpointFailed(
                f"{self.address}: sent JSON without an answer (no choices).",
                f"{self.address}：发来的 JSON 中没有回答（没有 choices）。",
            ) from None
        if not isinstance(text, str):
            raise self.rubbish(data)
        self.parts, self.pieces, self.reason, self._choices = [text], 1, reason or "stop", True
        self.usage = usage if isinstance(usage, dict) else None
        return replace(self.finish(), first_token_seconds=None)

    def state(self) -> Completion:
        """The answer so far."""
        return Completion(self.text, self.pieces, first_token_seconds=self._first)

    def finish(self) -> Completion:
        """The whole answer, at the end of the stream.

        Raises:
            EndpointFailed: the stream ended before the answer did.
        """
        if not self._choices:
            raise EndpointFailed(
                f"{self.address}: sent a stream without an answer (no choices).",
                f"{self.address}：发来的流中没有回答（没有 choices）。",
            )
        if self.reason is None and not self.over:
            raise EndpointFailed(
                f"{self.address}: the stream broke off in the middle of the answer.",
                f"{self.address}：流在回答中途断开。",
                self.text,
            )
        if self.reason == "content_filter":
            raise EndpointFailed(
                f"{self.address}: its content filter cut the answer off.",
                f"{self.address}：它的内容过滤器截断了回答。",
                self.text,
            )
        counted = count_of(self.usage, "completion_tokens")
        notes: list[str] = []
        if counted is None:
            notes.append(
                Sentence(
                    f"{self.address}: does not count tokens; the pieces of its stream were counted.",
                    f"{self.address}：不统计词元数；计的是流的片段数。",
                )
            )
        if self.reasoned:
            notes.append(
                Sentence(
                    f"{self.address}: {self.model} reasoned before it answered; that is not shown.",
                    f"{self.address}：{self.model} 回答前先做了推理；推理不显示。",
                )
            )
        return Completion(
            self.text,
            self.pieces if counted is None else counted,
            counted is not None,
            count_of(self.usage, "prompt_tokens"),
            time.monotonic() - self._started,
            self._first,
            "length" if END_REASONS.get(self.reason or "stop") == "length" else "end",
            tuple(notes),
        )

    def rubbish(self, data: bytes) -> EndpointFailed:
        """The failure that a piece means that cannot be read."""
        start = " ".join(data[:60].decode("utf-8", "replace").split())
        return EndpointFailed(
            f"{self.address}: sent something that is no chat completion ({start!r}).",
            f"{self.address}：发来的不是聊天补全（{start!r}）。",
            self.text,
        )


def count_of(usage: Mapping[str, Any] | None, name: str) -> int | None:
    """A count of the usage that an endpoint told."""
    value = (usage or {}).get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def without_key(error: EndpointFailed, key: str | None) -> EndpointFailed:
    """The same failure with nothing of the key in its words."""
    return EndpointFailed(
        redacted(str(error), key), redacted(error.said("zh"), key), error.text, error.again, error.after
    )
