"""The parts of a post-mortem by themselves: lines, tracebacks, sizes, prose."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.postmortem.console import HEAD, TAIL, Console, line_of, lines_of, read
from diagnostics.postmortem.memory import sizes_in
from diagnostics.postmortem.prose import prose_cause
from diagnostics.postmortem.tracebacks import tracebacks
from tests.diagnostics.postmortem.texts import NEW, OLD, STEP, crash, of_rank

GIB = 1 << 30


@pytest.mark.parametrize(
    ("raw", "text", "rank"),
    [
        ("[rank1]:   File", "  File", "1"),
        ("[rank5]:[E602 11:17:52.1 ProcessGroupNCCL.cpp:632] [Rank 5] Watchdog", "[Rank 5] Watchdog", "5"),
        ("(ActorModelRayActor pid=348952)     create(", "    create(", "ActorModelRayActor pid=348952"),
        ("(Worker_TP0 pid=99, ip=10.0.0.2) x", "x", "Worker_TP0 pid=99"),
        ("(EngineCore_0 pid=8) ERROR 07-01 12:00:00 [core.py:700] Traceback", "Traceback", "EngineCore_0 pid=8"),
        ("[default3]:Traceback", "Traceback", "3"),
        ("[1,2]<stderr>:Traceback", "Traceback", "2"),
        ("3: Traceback (most recent call last):", "Traceback (most recent call last):", "3"),
        ("worker-0: Traceback", "Traceback", None),
        ("> [rank1]:   File", "  File", "1"),
        ("[1867] [rank2]:[E602 11:18:53.8 x.cpp:684] [Rank 2] no", "[Rank 2] no", "2"),
        ("2026-03-01 10:00:00,123 - ERROR - __main__ - no", "no", None),
        ("2026-03-01T10:00:00.123456Z no", "no", None),
        ("[2026-03-01 10:00:00,1] [INFO] [launch.py:319:sigkill_handler] Killing", "Killing", None),
        ("  1%|          | 24/1752 [01:08<1:22:56,  2.88s/it][rank5]: no", "no", "5"),
        ("ValueError: [rank] stays", "ValueError: [rank] stays", None),
        ("2.5 GiB stay", "2.5 GiB stay", None),
    ],
)
def test_a_line_is_told_from_what_stands_before_it(raw: str, text: str, rank: str | None) -> None:
    line = line_of(raw)
    assert (line.text, line.rank) == (text, rank)


def console(text: str) -> Console:
    return Console("console.txt", lines_of(text))


def test_frames_of_interleaved_ranks_are_put_together() -> None:
    one, two = of_rank(0, crash(*STEP, end="ValueError: a")), of_rank(1, crash(*STEP[:2], end="TypeError: b"))
    mixed = "".join(f"{a}\n{b}\n" for a, b in zip(one.splitlines(), two.splitlines() + [""] * 99, strict=False))
    found = tracebacks(console(mixed))
    assert sorted((raised.rank, raised.said, len(raised.frames)) for raised in found) == [
        ("0", "ValueError: a", len(STEP)),
        ("1", "TypeError: b", 2),
    ]


def test_a_traceback_without_its_beginning_has_its_frames() -> None:
    lines = crash(*STEP, end="ValueError: a").splitlines()[5:]
    (raised,) = tracebacks(console("\n".join(lines)))
    assert (raised.said, raised.frames[-1].function) == ("ValueError: a", "training_step")


def test_a_traceback_of_an_old_notebook_has_files_lines_and_code() -> None:
    text = (
        "ValueError                                Traceback (most recent call last)\n"
        "<ipython-input-3-ab> in <module>()\n----> 1 f(3)\n"
        "/usr/lib/x.py in f(n)\n      8 def f(n):\n----> 9     raise ValueError('no')\n"
        "ValueError: no\n"
    )
    (raised,) = tracebacks(console(text))
    assert [(frame.function, frame.line) for frame in raised.frames] == [("<module>", 1), ("f", 9)]
    assert raised.frames[-1].code == "raise ValueError('no')"
    assert raised.said == "ValueError: no"


def test_a_traceback_in_a_box_has_files_lines_and_code() -> None:
    text = (
        "╭─────────────── Traceback (most recent call last) ────────────────╮\n"
        "│ /home/me/train.py:211 in <module>                                │\n"
        "│                                                                  │\n"
        "│   210                                                            │\n"
        "│ ❱ 211 trainer.train()                                            │\n"
        "│ /opt/venv/lib/python3.10/site-packages/transformers/trainer.py:1539 in  │\n"
        "│ train                                                            │\n"
        "╰──────────────────────────────────────────────────────────────────╯\n"
        "KeyError: 'text'\n"
    )
    (raised,) = tracebacks(console(text))
    assert [(frame.name, frame.line) for frame in raised.frames] == [("train.py", 211), ("trainer.py", 1539)]
    assert raised.frames[0].code == "trainer.train()"
    assert raised.said == "KeyError: 'text'"


def test_sizes_of_the_old_message() -> None:
    sizes = sizes_in(OLD)
    assert sizes.asked == 20 * (1 << 20)
    assert sizes.total == pytest.approx(7.79 * GIB)
    assert sizes.free == pytest.approx(18.06 * (1 << 20))
    assert sizes.allocated == pytest.approx(6.51 * GIB)
    assert sizes.unallocated == pytest.approx(0.06 * GIB)
    assert not sizes.fragmented


def test_sizes_of_the_new_message() -> None:
    sizes = sizes_in(NEW)
    assert sizes.asked == pytest.approx(2.32 * GIB)
    assert (sizes.total, sizes.process) == (pytest.approx(79.15 * GIB), pytest.approx(78.02 * GIB))
    assert (sizes.free, sizes.allocated) == (pytest.approx(1.12 * GIB), pytest.approx(76.60 * GIB))
    assert not sizes.fragmented
    assert not sizes.neighbour


def test_fragments_are_told_from_shortage() -> None:
    assert sizes_in(NEW.replace("411.20 MiB", "12.00 GiB")).fragmented


def test_another_process_on_the_card_is_seen() -> None:
    text = NEW.replace("Including non-PyTorch memory, this process has 78.02", "Process 7 has 30.00 GiB memory in use. Including "
                       "non-PyTorch memory, this process has 48.02")  # fmt: skip
    assert sizes_in(text).neighbour


def test_of_a_long_console_head_and_tail_are_read(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("first\n" + "middle\n" * ((HEAD + TAIL) // 5) + "last\n")
    found = read(path)
    assert found.gap
    assert (found.lines[0].text, found.lines[-1].text) == ("first", "last")
    assert sum(len(line.text) + 1 for line in found.lines) <= HEAD + TAIL


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("grad_norm:nan loss:0", "loss-not-finite"),
        ("the gradient norm goes to NaN", "loss-not-finite"),
        ("zero for the loss on every training step", "labels-all-masked"),
        ("my loss is 0.0 all the time", "labels-all-masked"),
        ("I get NaN as loss", "loss-not-finite"),
        ("the loss is 0.05 at the end", None),
        ("the loss fell below 10", None),
        ("GRPO: the loss is 0", None),
        ("lora微调grad_norm为nan，loss为0", "loss-not-finite"),
        ("第一步之后损失一直为0", "labels-all-masked"),
        ("the loss of the Nanotron run is fine", None),
    ],
)
def test_what_people_write(text: str, rule: str | None) -> None:
    told = prose_cause((text,))
    assert (told.rule if told else None) == rule


def test_message_that_stands_twice_counts_a_process_once() -> None:
    said = (
        "CUDA out of memory. Tried to allocate 18.55 GiB. GPU 0 has a total capacity of 79.15 GiB of which 11.20 GiB is free. "
        "Process 2921 has 67.94 GiB memory in use."
    )
    sizes = sizes_in(f"{said} {said}")
    assert (sizes.process, sizes.others) == (67.94 * (1 << 30), None)
