"""Only what changed is made and sent."""

from __future__ import annotations

from dashboard.sent import Sent


def test_a_part_is_made_only_where_it_differs() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    parts = {"a": lambda: make("a"), "b": lambda: make("b")}
    sent = Sent()
    assert sent.changes({"a": 1, "b": 1, "seen": 5}, parts) == {"a": "a", "b": "b"}
    assert sent.changes({"a": 1, "b": 2, "seen": 6}, parts) == {"b": "b"}
    assert sent.changes({"a": 1, "seen": 6}, parts) == {}
    assert made == ["a", "b", "b"]
    assert not sent.differs("seen", 6)
    assert sent.differs("seen", 7)
    assert sent.differs("never", None)
