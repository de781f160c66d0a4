"""A chat endpoint of the tests on this machine: behaves as its path says, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Says = Callable[[dict[str, Any]], str]


def piece(content: str | None = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"content": content} if content else {}, "finish_reason": reason}],
        **more,
    }


class Handler(BaseHTTPRequestHandler):
    """`/<behaviour>/v1/chat/completions`; the server counts requests and keeps what they held."""

    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        if behaviour == "nolist":
            return self.reply(200, "<html>hello</html>", "text/html")
        return self.reply(200, json.dumps({"data": [{"id": "one"}, {"id": "two"}]}))

    def do_POST(self) -> None:
        behaviour = self.path.split("/")[1]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.keys.append(self.headers.get("authorization"))
            self.server.open += 1
            self.open = True
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            getattr(self, behaviour)(body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()
        finally:
            self.answered()

    def answered(self) -> None:
        """Count a request as open no more: before its last bytes leave, since whoever has them may ask the next at once."""
        with self.server.lock:
            self.server.open -= self.open
            self.open = False

    def reply(self, status: int, text: str, kind: str = "application/json", **headers: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def send(self, *pieces: Any) -> None:
        for one in pieces:
            data = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

    def good(self, body: dict[str, Any]) -> None:
        self.begin()
        self.wfile.write(b": alive\n\n")
        text = self.server.says(body)
        self.send(*(piece(text[at : at + 5]) for at in range(0, len(text), 5)))
        self.answered()
        self.send(
            piece(reason="stop"), {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 42}}, "[DONE]"
        )

    def uncounted(self, body: dict[str, Any]) -> None:
        """As an endpoint that gives no usage; its words hold a line separator that JSON allows, in pieces of bytes."""
        self.begin()
        told = json.dumps(piece("订单\u2028已取消"), ensure_ascii=False)
        line = f"data: {told}\n\n".encode()
        for at in range(0, len(line), 3):
            self.wfile.write(line[at : at + 3])
            self.wfile.flush()
            time.sleep(0.001)
        self.send(piece(reason="length"), "[DONE]")

    def whole(self, body: dict[str, Any]) -> None:
        """Ignores `stream`."""
        self.reply(200, json.dumps({"choices": [{"message": {"content": "at once"}, "finish_reason": "stop"}]}))

    def steady(self, body: dict[str, Any]) -> None:
        """Never stops by itself."""
        self.begin()
        for _ in range(2000):
            self.send(piece("word "))
            time.sleep(0.02)

    def cut(self, body: dict[str, Any]) -> None:
        self.begin()
        self.send(piece("half an "))

    def torn(self, body: dict[str, Any]) -> None:
        """Breaks the connection itself, by promising more bytes than it sends."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", "100000")
        self.end_headers()
        self.close_connection = True
        self.send(piece("half an "))

    def failing(self, body: dict[str, Any]) -> None:
        self.begin()
        self.send(piece("half an "), {"error": {"message": "CUDA out of memory"}})

    def garbled(self, body: dict[str, Any]) -> None:
        self.begin()
        self.send(piece("half an "), "{not json")

    def nochoices(self, body: dict[str, Any]) -> None:
        self.begin()
        self.send({"hello": 1}, "[DONE]")

    def jsonrubbish(self, body: dict[str, Any]) -> None:
        self.reply(200, '{"hello": 1}')

    def notjson(self, body: dict[str, Any]) -> None:
        self.reply(200, "hello")

    def html(self, body: dict[str, Any]) -> None:
        self.reply(200, "<html><body>Welcome</body></html>", "text/html")

    def filtered(self, body: dict[str, Any]) -> None:
        self.begin()
        self.send(piece("half an "), piece(reason="content_filter"))

    def silent(self, body: dict[str, Any]) -> None:
        self.server.released.wait(20)

    def trickle(self, body: dict[str, Any]) -> None:
        """Shows signs of life, but no answer."""
        self.begin()
        while not self.server.released.wait(0.05):
            self.wfile.write(b": alive\n\n")
            self.wfile.flush()

    def unauthorised(self, body: dict[str, Any]) -> None:
        sent = self.headers.get("authorization", "")
        self.reply(401, json.dumps({"error": {"message": f"Incorrect API key provided: {sent}"}}))

    def unknown(self, body: dict[str, Any]) -> None:
        self.reply(404, json.dumps({"error": {"message": f"The model `{body['model']}` does not exist."}}))

    def nowhere(self, body: dict[str, Any]) -> None:
        self.reply(404, "<html>Not Found</html>", "text/html")

    def overflow(self, body: dict[str, Any]) -> None:
        self.reply(400, json.dumps({"message": "This model's maximum context length is 64 tokens."}))

    def busy(self, body: dict[str, Any]) -> None:
        """Turns away two requests, then answers."""
        if len(self.server.asked) < 3:
            return self.reply(429, json.dumps({"error": {"message": "slow down"}}), retry_after="0")
        return self.good(body)

    def broken(self, body: dict[str, Any]) -> None:
        self.reply(500, "Internal Server Error", "text/plain", retry_after="0")

    def longwait(self, body: dict[str, Any]) -> None:
        self.reply(429, "{}", retry_after="3600")

    def refuses(self, body: dict[str, Any]) -> None:
        self.reply(400, json.dumps({"error": {"message": "temperature is not allowed"}}))

    def picky(self, body: dict[str, Any]) -> None:
        """Takes neither of the fields that others take, one complaint at a time."""
        for name in ("stream_options", "seed"):
            if name in body:
                return self.reply(400, json.dumps({"error": {"message": f"Unsupported parameter: {name}"}}))
        if "max_tokens" in body:
            return self.reply(422, json.dumps({"error": {"message": "Use max_completion_tokens, not max_tokens"}}))
        return self.good(body)

    def redirect(self, body: dict[str, Any]) -> None:
        self.reply(307, "", location=f"http://localhost:{self.server.server_port}/good/v1/chat/completions")


class Server(ThreadingHTTPServer):
    """What the tests look at afterwards."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, says: Says, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.says = says
        self.lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.open = self.most_open = 0
        self.hung_up = threading.Event()
        self.released = threading.Event()

    def at(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/v1"


@contextmanager
def serving(says: Says = lambda body: "It is cancelled.", port: int = 0) -> Iterator[Server]:
    server = Server(says, port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
