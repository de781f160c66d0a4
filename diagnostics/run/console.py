"""Console logs as a log: the rows that a trainer printed between everything else.

The HF Trainer prints a row as a dict (since transformers 5 with its numbers as texts, 4 digits), on the lines of its
progress bar, which is drawn over itself with carriage returns. A row carries no step: see console_steps.py.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from diagnostics.run.console_steps import Timeline, timeline
from diagnostics.run.files import decoded
from diagnostics.run.gather import gather
from diagnostics.run.log import Log, has_summary, last_step
from diagnostics.run.printed import Printed, dicts_in
from diagnostics.run.rows import is_log_row, points_of

# Beyond it only the end of a log is read, in bytes: it must fit into memory.
MOST = 256 * 1024 * 1024
# How much of a file's beginning is searched for a first row, in bytes. Loading a model prints some kilobytes before it.
PEEK = 512 * 1024
# One of these stands in every row: a whole file without any is none, told at the speed of a plain search.
ANY_KEY = re.compile(
    rb"['\"](?:\w*loss|\w*runtime|epoch|reward|grad_norm|(?:train|eval|ppo|objective|rewards)/[^'\"]*)['\"]"
)
# A text that somebody's crash is in, whatever it is called.
TRACE = re.compile(
    rb"Traceback \(most recent call last\)|^(?:[\w.]+\.)?\w*(?:Error|Exception)(?::[ ]|$)|^\s*File \"[^\"]+\", line \d+, in "
    rb"|^\S* ?-{3,}> \d+ |\[rank\d+\]:|srun: error|slurmstepd: error|^Killed$"
    rb"|" + "已杀死|段错误|显存|报错".encode(),
    re.MULTILINE,
)
# What a text named like a console is a console by: one word that only programs and those who quote them use, or two of those
# that training is talked about in.
TECHNICAL = re.compile(
    rb"\b(?:grad_norm|grad_fn|tensors?|cuda|nccl|torch|trl|transformers|vllm|deepspeed|zero-?3|fsdp|lora|dtype|tokenizer|state_dict"
    rb"|fp16|bf16|traceback|stderr|exit code|exitcode|sig(?:kill|term|segv)|out of (?:memory|range)|must be|unexpected keyword"
    rb"|errno|assert(?:ion)?|oom|core dumped|shared object|gpus?|nvcc|grpo|sft|dpo|qwen\d?|llama\d?|huggingface|killed|num_samples|shm|undefined symbol|no space left|Trainer|\w+Error|\w+Trainer|\w+Config)\b",
    re.IGNORECASE,
)
WORD = re.compile(
    rb"\b(?:loss|gradients?|epochs?|steps?|tokens?|checkpoints?|trainer|batch|warning|error|failed|signal|rank|gpus?|memory"
    rb"|arguments?|datasets?|columns?|weights?|model|training|reward|entropy|nan|timeout|labels?|template|instance)\b",
    re.IGNORECASE,
)
# What is written for people: the usual names, and headings. A log that is quoted in it shows by its traceback.
PAPER = re.compile(r"(?i)^(?:readme|licen[cs]e|changelog|changes|notice|contributing|authors|requirements)")
HEADING = re.compile(rb"^#{1,4} \w", re.MULTILINE)
ENDINGS = (".log", ".txt", ".out", ".err")
# How LLaMA-Factory's board logs a row once more, rounded, after the Trainer has printed it.
ECHO = b">> "


def rows_in(data: bytes) -> list[Printed]:
    """The log rows printed in a text, in its order. Other dicts (`Updated tokens: {...}`) are passed over."""
    if not ANY_KEY.search(data):
        return []
    rows = [one for one in dicts_in(data) if is_log_row(one.values)]
    own = [one for one in rows if not data.endswith(ECHO, 0, one.start)]
    return own or rows


def log_of_console(path: Path, logging_steps: int | None = None) -> Log:
    """The rows of a console log with their steps; an empty log if nothing was printed that is a row.

    `logging_steps`: how many steps lie between two rows, if that is known from elsewhere.

    Raises:
        OSError: the file cannot be read.
    """
    data, problems = read(path)
    rows = rows_in(data)
    if not rows:
        return Log(path.name)
    told = timeline(rows, data, logging_steps)
    series, restarts = gather(
        points_of({**row.values, "step": step} for row, step in zip(rows, told.steps, strict=True))
    )
    problems += how_counted(path.name, told, logging_steps)
    return Log(
        path.name,
        series,
        restarts,
        step=last_step(series),
        max_steps=told.max_steps,
        finished=has_summary(series),
        problems=tuple(problems),
        counted=told.counted,
    )


def how_counted(name: str, told: Timeline, logging_steps: int | None) -> list[str]:
    """The sentence that says where steps were counted, not read."""
    if not told.counted:
        return []
    every = f", times the {logging_steps} steps between two rows" if logging_steps and logging_steps > 1 else ""
    return [f"{name}: the rows carry no step and no bar or epoch tells it; steps are rows, counted from 1{every}."]


def read(path: Path) -> tuple[bytes, list[str]]:
    """The bytes of a log as UTF-8, of a huge one those of its end, and what is to be said of that."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST))
        data = file.read(MOST)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = decoded(data).encode("utf-8", errors="replace")
    if size <= MOST:
        return data, []
    return data, [f"{path.name}: only its last {MOST >> 20} MiB of {size >> 20} were read."]


def is_told(path: Path) -> bool:
    """Whether a text without any row is the console of a run all the same.

    It is where it holds a traceback, or is named as a console and speaks of training. Binary files and texts written for people
    are none.
    """
    data = read_ends(path)
    if b"\0" in data or not data.strip() or undecodable(data):
        return False
    if TRACE.search(data):
        return True
    paper = bool(PAPER.match(path.name)) or len(HEADING.findall(data)) > 1
    if path.suffix not in ENDINGS or paper:
        return False
    return bool(TECHNICAL.search(data)) or len({one.lower() for one in WORD.findall(data)}) > 1


def holds_trace(path: Path) -> bool:
    """Whether the trace of a crash is in the beginning or the end of a file; False if it cannot be read."""
    try:
        return bool(TRACE.search(read_ends(path)))
    except OSError:
        return False


def read_ends(path: Path) -> bytes:
    """The beginning and the end of a file, as UTF-8."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        data = file.read(PEEK)
        if size > PEEK:
            file.seek(max(PEEK, size - PEEK))
            data += file.read()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = decoded(data).encode("utf-8", errors="replace")
    return data


def undecodable(data: bytes) -> bool:
    """Whether bytes are no text in UTF-8, but for a few damaged places."""
    return data.decode("utf-8", errors="replace").count("\ufffd") > len(data) / 20


def holds_rows(path: Path) -> bool:
    """Whether a log row stands near the beginning of a file; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(PEEK)
    except OSError:
        return False
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = decoded(data).encode("utf-8", errors="replace")
    return bool(ANY_KEY.search(data)) and any(is_log_row(one.values) for one in dicts_in(data))
