"""Endpoints that behave and that do not, against a server of the tests; one story against a real `transformers serve`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diagnostics.compare.cache import AnswerCache
from diagnostics.compare.collect import Plan, collect
from diagnostics.compare.endpoints import client as endpoint
from diagnostics.compare.endpoints.client import Completion, Limits, complete, models
from diagnostics.compare.endpoints.errors import EndpointFailed
from diagnostics.compare.endpoints.key import key_for, redacted, shown
from diagnostics.compare.endpoints.writer import AT_ONCE, EndpointWriter
from diagnostics.compare.models.mailbox import Request, Row, Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source, source_of
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import answer_rows
from diagnostics.compare.prompts import Prompt
from tests.diagnostics.compare.endpoint_server import Server, serving

ASK = ({"role": "user", "content": "Please cancel order C53."},)
SECRET = "sk-very-secret-0123456789"
QUICK = Limits(connect=2, idle=0.4, whole=1.5)


@pytest.fixture(autouse=True)
def _no_waiting_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BACKOFF_SECONDS", 0.01)
    for name in [one for one in os.environ if "API_KEY" in one]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def asked(server: Server, behaviour: str, **more: object) -> Completion:
    return complete(server.at(behaviour), "m", ASK, Sampling(), limits=QUICK, **more)  # type: ignore[arg-type]


def test_answer_streams_and_is_counted(server: Server) -> None:
    states: list[Completion] = []
    done = complete(server.at("good"), "m", ASK, Sampling(5, 0.7, 0.9, 33), states.append)
    assert [one.text for one in states] == ["It is", "It is canc", "It is cancelled", "It is cancelled."]
    assert (done.text, done.tokens, done.counted, done.prompt_tokens, done.stop) == (
        "It is cancelled.", 42, True, 7, "end",
    )  # fmt: skip
    assert done.seconds is not None
    assert done.first_token_seconds is not None
    assert 0 < done.first_token_seconds <= done.seconds
    sent = server.asked[0]
    assert {sent["seed"], sent["temperature"], sent["top_p"], sent["max_tokens"]} == {5, 0.7, 0.9, 33}
    assert sent["messages"] == list(ASK)


def test_no_usage_is_said_and_chinese_in_pieces_stays_whole(server: Server) -> None:
    done = asked(server, "uncounted")
    assert (done.text, done.tokens, done.counted, done.stop) == ("订单\u2028已取消", 1, False, "length")
    assert any("does not count tokens" in note for note in done.notes)


def test_an_endpoint_that_does_not_stream_is_taken_too(server: Server) -> None:
    done = asked(server, "whole")
    assert (done.text, done.stop, done.first_token_seconds) == ("at once", "end", None)


@pytest.mark.parametrize(
    ("behaviour", "said", "kept", "requests"),
    [
        ("cut", "broke off in the middle", "half an ", 1),
        ("torn", "the connection broke off", "half an ", 1),
        ("failing", "failed while it was writing .CUDA out of memory", "half an ", 1),
        ("garbled", "no chat completion", "half an ", 1),
        ("filtered", "content filter", "half an ", 1),
        ("nochoices", "no choices", "", 1),
        ("jsonrubbish", "no choices", "", 1),
        ("notjson", "no chat completion", "", 1),
        ("html", "text/html instead", "", 1),
        ("silent", "too slow: it sent nothing for 0.4 s", "", 1),
        ("trickle", "too slow: no whole answer in 1.5 s", "", 1),
        ("unauthorised", "refused the key", "", 1),
        ("unknown", "knows no model m", "", 1),
        ("nowhere", "mostly ends in /v1", "", 1),
        ("overflow", "do not fit into the model's context", "", 1),
        ("refuses", "temperature is not allowed", "", 1),
        ("broken", "failed on its side .500", "", 4),
        ("longwait", "too many requests", "", 1),
        ("redirect", "redirects to localhost", "", 1),
    ],
)
def test_each_fault_is_one_sentence_and_keeps_what_came(
    server: Server, behaviour: str, said: str, kept: str, requests: int
) -> None:
    with pytest.raises(EndpointFailed, match=said) as caught:
        asked(server, behaviour)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(server.at(behaviour))
    assert caught.value.text == kept
    assert len(server.asked) == requests


def test_turned_away_twice_it_answers_at_the_third_try(server: Server) -> None:
    assert asked(server, "busy").text == "It is cancelled."
    assert len(server.asked) == 3


def test_down_is_said_after_a_few_tries() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EndpointFailed, match=r"is down \(connection refused"):
        complete(f"http://127.0.0.1:{port}/v1", "m", ASK, Sampling())
    with pytest.raises(EndpointFailed, match="is down"):
        models(f"http://127.0.0.1:{port}/v1")


def test_a_server_that_comes_up_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BACKOFF_SECONDS", 0.3)
    with serving() as gone:
        port = gone.server_port
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(complete, f"http://127.0.0.1:{port}/good/v1", "m", ASK, Sampling())
        time.sleep(0.2)
        with serving(port=port):
            assert asked.result().text == "It is cancelled."


def test_fields_an_endpoint_refuses_are_left_out_and_said(server: Server) -> None:
    done = asked(server, "picky")
    assert done.text == "It is cancelled."
    assert "max_tokens" not in server.asked[-1]
    assert server.asked[-1]["max_completion_tokens"] == 128
    assert sum("takes no seed" in note for note in done.notes) == 1


@pytest.mark.parametrize("address", ["", "localhost:8000", "ftp://x/v1", "http://[", "http://nowhere.invalid/v1"])
def test_no_address_at_all_is_one_sentence(address: str) -> None:
    with pytest.raises(EndpointFailed) as caught:
        complete(address, "m", ASK, Sampling())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("secret", [SECRET, "looks like no key at all"])
def test_key_is_sent_and_never_shown(server: Server, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("CLINIC_API_KEY", secret)
    with pytest.raises(EndpointFailed) as caught:
        asked(server, "unauthorised")
    assert server.keys == [f"Bearer {secret}"]
    assert "[key]" in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in f"{error!r} {vars(error)}"
        error = error.__cause__


def test_key_follows_no_redirect(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_API_KEY", SECRET)
    with pytest.raises(EndpointFailed):
        asked(server, "redirect")
    assert len(server.asked) == 1


def test_which_key_goes_where(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_for("https://api.example.com/v1") is None
    monkeypatch.setenv("OPENAI_API_KEY", "openai")
    assert key_for("https://api.example.com/v1") == "openai"
    assert key_for("http://127.0.0.1:8000/v1") == "openai"
    assert key_for("http://api.example.com/v1") is None
    monkeypatch.setenv("CLINIC_API_KEY", " own\n")
    assert key_for("http://api.example.com/v1") == "own"
    monkeypatch.setenv("CLINIC_API_KEY_API_EXAMPLE_COM", "host")
    assert (key_for("http://api.example.com/v1"), key_for("http://other/v1")) == ("host", "own")


def test_key_that_no_header_can_carry_is_named_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_API_KEY", f"{SECRET}\nX-Evil: 1")
    with pytest.raises(EndpointFailed, match="CLINIC_API_KEY") as caught:
        asked(server, "good")
    assert SECRET not in str(caught.value)
    assert server.asked == []


def test_addresses_are_shown_without_password() -> None:
    assert shown("https://me:pass@host:8/v1/?key=1") == "https://host:8/v1"
    assert "abcdefghijk" not in redacted("token sk-abcdefghijk was wrong", None)


def test_models_are_listed(server: Server) -> None:
    assert models(server.at("good")) == ("one", "two")
    with pytest.raises(EndpointFailed, match="no list of models"):
        models(server.at("nolist"))


def writer(server: Server, *behaviours: str, stream: bool = True) -> EndpointWriter:
    """A writer whose rows go to one address; the behaviours differ by row only through their sources."""
    rows = tuple(
        Row(Source(f"s{at}", "endpoint", server.at(one), model="m"), ASK, Sampling())
        for at, one in enumerate(behaviours)
    )
    return EndpointWriter(Request("answer", rows, stream), range(len(rows)), [Pane(row.source) for row in rows], QUICK)


def finished(one: EndpointWriter, seconds: float = 10.0) -> list[Pane]:
    deadline = time.monotonic() + seconds
    while not all(pane.over for pane in one.step()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return one.panes


def test_writer_fills_panes_each_with_its_own_end(server: Server) -> None:
    panes = finished(writer(server, "good", "cut", "unauthorised"))
    assert [(one.state, one.text, one.stop) for one in panes] == [
        ("done", "It is cancelled.", "end"), ("error", "half an ", None), ("error", "", None),
    ]  # fmt: skip
    assert (panes[0].tokens, panes[0].prompt_tokens) == (42, 7)


def test_writer_asks_so_many_at_once_and_no_more() -> None:
    def slowly(body: object) -> str:
        time.sleep(0.05)
        return "x"

    with serving(slowly) as server:
        panes = finished(writer(server, *["good"] * 24, stream=False))
        assert all(one.text == "x" for one in panes)
        assert len(server.asked) == 24
        assert 2 <= server.most_open <= AT_ONCE


def test_cancelled_in_mid_stream_keeps_the_text_and_hangs_up_within_a_second(server: Server) -> None:
    one = writer(server, "steady", "silent")
    one.limits = Limits()
    while not one.step()[0].text:
        time.sleep(0.01)
    started = time.monotonic()
    one.cancel()
    panes = finished(one, 1.0)
    assert [pane.stop for pane in panes] == ["cancelled", "cancelled"]
    assert panes[0].text.startswith("word ")
    assert server.hung_up.wait(1.0)
    assert time.monotonic() - started < 1.0


def test_cancelled_before_it_began_asks_nothing(server: Server) -> None:
    one = writer(server, "good")
    one.cancel()
    assert one.step()[0].stop == "cancelled"
    time.sleep(0.1)
    assert server.asked == []


@pytest.fixture
def transformers_serve(base_checkpoint: Path, tmp_path: Path) -> Iterator[str]:
    """A real `transformers serve` of the kept base model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).parent / "transformers"
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [str(command), "serve", str(base_checkpoint), "--port", str(port), "--host", "127.0.0.1"],
            stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, (tmp_path / "serve.log").read_text()
            assert time.monotonic() < deadline
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
def test_a_real_transformers_serve(transformers_serve: str, base_checkpoint: Path, tmp_path: Path) -> None:
    """Streams, counts, stops by itself or at the budget, knows its own model only."""
    name = str(base_checkpoint)
    states: list[Completion] = []
    whole = complete(transformers_serve, name, ASK, Sampling(max_new_tokens=64), states.append)
    assert whole.stop == "end"
    assert whole.counted
    assert len(states) > 3
    assert "cancelled" in whole.text
    short = complete(transformers_serve, name, ASK, Sampling(max_new_tokens=4))
    assert (short.stop, short.tokens) == ("length", 4)
    assert whole.text.startswith(short.text)
    with pytest.raises(EndpointFailed, match="knows no model nothing"):
        complete(transformers_serve, "nothing", ASK, Sampling())
    # The same model as a pane beside it says the same, and a prompt set takes both; an endpoint is never cached.
    pool, cache = WorkerPool(tmp_path / "workers", size=1), AnswerCache(tmp_path / "answers")
    try:
        sources = (source_of(name, "local"), source_of(f"{transformers_serve}#{name}", "served"))
        rows = [Row(one, tuple(ASK), Sampling(max_new_tokens=64)) for one in sources]
        panes = list(answer_rows(pool, rows))[-1]
        assert [pane.state for pane in panes] == ["done", "done"]
        assert panes[0].text == panes[1].text == whole.text
        prompts = tuple(Prompt(number, tuple(ASK)) for number in range(3))
        down = source_of("http://127.0.0.1:9/v1#m", "down")
        plan = Plan((*sources, down), prompts, Sampling(max_new_tokens=8))
        first, again = (list(collect(pool, cache, plan))[-1] for _ in range(2))
    finally:
        pool.close()
    assert [one.text for one in first.answers.of("local")] == [one.text for one in first.answers.of("served")]
    assert first.failed == again.failed == {"down": 3}
    assert (first.cached, again.cached) == (0, 3)
