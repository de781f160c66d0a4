"""The admin's own app over real HTTP, with all of Gradio's middleware: what other pages and other people of the machine get."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.clinic import Clinic
from tests.browser.conftest import free_port

PASSWORD = "correct horse battery"


@contextmanager
def launched(root: Path, **more: Any) -> Iterator[str]:
    """The real app, and its address."""
    from dashboard.app import launch

    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    clinic, port = Clinic(root), free_port()
    demo = launch(clinic, port=port, block=False, **more)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        demo.close()
        clinic.close()


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with launched(tmp_path_factory.mktemp("admin")) as address:
        yield address


FOREIGN = [
    {"origin": "http://localhost:9996", "x-forwarded-host": "localhost:9996"},
    {"origin": "http://127.0.0.1:9996", "x-forwarded-host": "127.0.0.1:9996"},
    {"origin": "http://localhost:9996"},
    {"origin": "null"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_port_neither_asks_nor_reads_nor_sends(admin: str, headers: dict[str, str]) -> None:
    asks = {
        **headers,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-forwarded-host,content-type",
    }
    answers = [
        httpx.options(f"{admin}/gradio_api/queue/join", headers=asks),
        httpx.get(f"{admin}/config", headers=headers),
        httpx.get(f"{admin}/gradio_api/startup-events", headers=headers),
        httpx.post(f"{admin}/gradio_api/upload", files={"files": ("r.py", b"x = 1")}, headers=headers),
        httpx.post(f"{admin}/gradio_api/queue/join", json={"fn_index": 0, "data": []}, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_its_own_page_is_served_and_sends(admin: str) -> None:
    own = {"origin": admin, "sec-fetch-site": "same-origin"}
    answer = httpx.get(f"{admin}/config", headers=own)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert httpx.post(f"{admin}/gradio_api/upload", files={"files": ("a.txt", b"x")}, headers=own).status_code == 200
