"""What an endpoint's failures are called: one clear sentence each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from diagnostics.run.refusal import Refusal

MOST_SAID = 200  # characters of a server's own words
OVERFLOW = re.compile(
    r"context[ _-]?(length|window|size)|max_model_len|maximum (context|sequence|input)|prompt is too long|"
    r"too many tokens|exceed\w* .{0,40}(tokens|context)",
    re.IGNORECASE,
)
UNKNOWN_MODEL = re.compile(
    r"model[^.]{0,80}(does not exist|not found|unknown|not available|is not supported)|model_not_found|"
    r"(unknown|invalid|no such) model|pinned to",
    re.IGNORECASE,
)


class EndpointFailed(Refusal):
    """An endpoint gave no whole answer. The message is one sentence. `text`: what had come by then.

    `again`: the same request may succeed a moment later. `after`: seconds that the endpoint asks to wait.
    """

    def __init__(
        self, english: str, chinese: str, text: str = "", again: bool = False, after: float | None = None
    ) -> None:
        super().__init__(english, chinese)
        self.text = text
        self.again = again
        self.after = after


def of_status(address: str, model: str, status: int, body: str, headers: httpx.Headers) -> EndpointFailed:
    """The failure that an HTTP status other than 200 means."""
    said = words_of(body)
    its = f": {said}" if said else ""
    if 300 <= status < 400:
        to = (httpx.URL(address).join(headers["location"]).host or "") if "location" in headers else ""
        return EndpointFailed(
            f"{address}: redirects{f' to {to}' if to else ''}, which is not followed lest the key goes astray; "
            "write the final address.",
            f"{address}：重定向{f'到 {to}' if to else ''}，为免密钥外泄而不跟随；请写最终的地址。",
        )
    if status in (401, 403):
        return EndpointFailed(
            f"{address}: refused the key or the lack of one ({status}{its}); set CLINIC_API_KEY in the environment.",
            f"{address}：拒绝了密钥，或缺少密钥（{status}{its}）；请在环境变量中设置 CLINIC_API_KEY。",
        )
    if status == 429:
        return EndpointFailed(
            f"{address}: too many requests (429{its}).",
            f"{address}：请求过多（429{its}）。",
            again=True,
            after=wait_of(headers),
        )
    if status >= 500:
        return EndpointFailed(
            f"{address}: failed on its side ({status}{its}).",
            f"{address}：对方出错（{status}{its}）。",
            again=True,
            after=wait_of(headers),
        )
    if status == 413 or OVERFLOW.search(body):
        return EndpointFailed(
            f"{address}: the prompt and the answer do not fit into the model's context ({status}{its}).",
            f"{address}：提示与回答超出了模型的上下文（{status}{its}）。",
        )
    if UNKNOWN_MODEL.search(body) or (status == 404 and "model" in said.lower()):
        return EndpointFailed(
            f"{address}: knows no model {model} ({status}{its}).", f"{address}：没有模型 {model}（{status}{its}）。"
        )
    if status == 404:
        return EndpointFailed(
            f"{address}: has no chat completions there (404{its}); an OpenAI-compatible address mostly ends in /v1.",
            f"{address}：那里没有聊天补全（404{its}）；OpenAI 兼容的地址多以 /v1 结尾。",
        )
    return EndpointFailed(
        f"{address}: refused the request ({status}{its}).", f"{address}：拒绝了请求（{status}{its}）。"
    )


def of_transport(address: str, error: Exception, idle: float) -> EndpointFailed:
    """The failure that an exception of the connection means."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return EndpointFailed(
            f"{address}: is down or unreachable (no connection in time).",
            f"{address}：没有运行或无法连接（未能及时建立连接）。",
        )
    if isinstance(error, httpx.TimeoutException):
        return EndpointFailed(
            f"{address}: is too slow: it sent nothing for {idle:g} s.",
            f"{address}：太慢：{idle:g} 秒内没有发来任何内容。",
        )
    if isinstance(error, httpx.ConnectError):
        refused = any(isinstance(one, ConnectionRefusedError) for one in causes(error))
        return EndpointFailed(
            f"{address}: is down ({'connection refused' if refused else first_line(error)}).",
            f"{address}：没有运行（{'连接被拒绝' if refused else first_line(error)}）。",
            again=refused,
        )
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return EndpointFailed(
            f"{address}: is no address of an endpoint ({first_line(error)}).",
            f"{address}：不是端点的地址（{first_line(error)}）。",
        )
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return EndpointFailed(
            f"{address}: the connection broke off ({first_line(error)}).",
            f"{address}：连接断开（{first_line(error)}）。",
        )
    return EndpointFailed(
        f"{address}: {type(error).__name__} ({first_line(error)}).",
        f"{address}：{type(error).__name__}（{first_line(error)}）。",
    )


def of_event(address: str, model: str, error: Any) -> EndpointFailed:
    """The failure that an error sent in the middle of a stream means."""
    said = words_of(error if isinstance(error, str) else json.dumps({"error": error}, ensure_ascii=False))
    if OVERFLOW.search(said):
        return EndpointFailed(
            f"{address}: the prompt and the answer do not fit into the model's context ({said}).",
            f"{address}：提示与回答超出了模型的上下文（{said}）。",
        )
    return EndpointFailed(
        f"{address}: {model} failed while it was writing ({said or 'no reason given'}).",
        f"{address}：{model} 在书写途中失败（{said or '没有给出原因'}）。",
    )


def words_of(body: str) -> str:
    """A server's own words in an error's body, short and on one line; nothing of a web page."""
    said: Any = body
    try:
        said = json.loads(body)
    except ValueError:
        if "<html" in body.lower() or "<!doctype" in body.lower():
            return "a web page instead of JSON"
    for name in ("error", "message", "detail", "msg"):
        if isinstance(said, list) and said:
            said = said[0]
        if isinstance(said, dict) and name in said:
            said = said[name]
    line = " ".join(str(said).split()).rstrip(".")
    return line if len(line) <= MOST_SAID else line[: MOST_SAID - 1] + "…"


def wait_of(headers: httpx.Headers) -> float | None:
    """The seconds that a server asks to wait before the next try; None if it does not say so in seconds."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from causes(one)
        error = error.__cause__ or error.__context__


def first_line(error: BaseException) -> str:
    """An exception's first line, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
