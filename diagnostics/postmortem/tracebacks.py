"""The tracebacks of a console: of every rank, of notebooks, and those that are cut off at either end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from diagnostics.postmortem.console import Console, Line

BEGIN = "Traceback (most recent call last)"
FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
# IPython since 8: `File /usr/lib/x.py:72, in f(a)`, `Cell In[3], line 5, in f()`; before: `/usr/lib/x.py in f(a)`.
FRAME_NOTEBOOK = re.compile(r"File (?P<file>[^\s\"]+\.py):(?P<line>\d+)(?:, in (?P<function>[\w.<>]+))?")
FRAME_CELL = re.compile(r"(?:Cell |Input )?In ?\[(?P<cell>\d+)\](?:, line (?P<line>\d+)|, in (?P<function>.+))")
# Colab makes a link of the file.
FRAME_OLD = re.compile(
    r"(?:\d+ frames)?\[?(?P<file>[~/.][^\s\]]*\.py|<ipython-input-[^>]+>)(?:\]\([^)]*\))? in (?P<function>[\w.<>]+)\("
)
# rich: `/usr/lib/x.py:72 in f`, and the line itself behind an arrow.
FRAME_BOXED = re.compile(r"(?P<file>[~/.]\S*\.py):(?P<line>\d+) in ?(?P<function>[\w.<>]*)")
ARROW = re.compile(r"\s*(?:-{2,}>|❱) ?(?P<line>\d+)(?P<code>.*)")
# An exception as Python prints it: its type, perhaps with its module, then a colon or the end of the line.
NAME = r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*"
RAISED = re.compile(
    rf"(?P<type>{NAME}(?:Error|Exception|Interrupt|Exit|Expired|NotFound|Timeout|Failure|StopIteration))"
    r"(?:\((?P<inner>\w+)\))?(?::(?P<message>.*)|$)"
)
RAISED_AFTER_FRAMES = re.compile(rf"(?P<type>{NAME})(?:\((?P<inner>\w+)\))?(?::(?P<message>.*)|$)")
DURING = "During handling of the above exception, another exception occurred"
DIRECT = "The above exception was the direct cause of the following exception"
# What Python says before the traceback of an exception that ends nothing.
PASSED_OVER = ("Exception ignored in", "--- Logging error ---")
# How many further lines of a message are kept.
MOST_MESSAGE = 20
LIBRARIES = ("site-packages", "dist-packages", "lib/python3", "<frozen", "/conda/lib", "importlib", "<string>")


@dataclass(frozen=True)
class Frame:
    """One call: its file, the line (0: not told), the function ("" where it is not told) and the code there."""

    file: str
    line: int
    function: str
    code: str = ""

    @property
    def own(self) -> bool:
        """Whether it is the user's code, not a library's."""
        return not any(part in self.file for part in LIBRARIES)

    @property
    def name(self) -> str:
        """The file's name alone."""
        return Path(self.file).name


@dataclass
class Raised:
    """One exception. `type` is "" where the traceback is cut off before it.

    `start`, `line`: its first line and that of its type, as places among the console's lines (-1: cut off). `link`: `during`
    or `direct`, where it followed from the one before.
    """

    rank: str | None
    start: int
    line: int = -1
    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    link: str | None = None

    @property
    def kind(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]

    @property
    def said(self) -> str:
        """The line that Python printed."""
        first = self.message.partition("\n")[0].strip()
        return f"{self.type}: {first}" if first else self.type

    @property
    def user_frame(self) -> Frame | None:
        """The innermost frame of the user's own code, None if there is none."""
        return next((frame for frame in reversed(self.frames) if frame.own), None)

    def through(self, *functions: str) -> bool:
        """Whether one of these functions is among its frames."""
        return any(frame.function in functions for frame in self.frames)


def tracebacks(console: Console) -> list[Raised]:
    """The exceptions of a console in the order in which they were printed, each rank's lines read apart."""
    streams: dict[str | None, list[tuple[int, Line]]] = {}
    for place, line in enumerate(console.lines):
        streams.setdefault(line.rank, []).append((place, line))
    found = [one for rank, lines in streams.items() for one in of_stream(rank, lines)]
    return sorted(found, key=lambda one: (one.start, one.line))


def of_stream(rank: str | None, lines: Iterable[tuple[int, Line]]) -> list[Raised]:
    """The exceptions that one rank printed."""
    found: list[Raised] = []
    current: Raised | None = None
    ended: Raised | None = None  # the exception whose message may go on
    link: str | None = None
    ignored = False
    for place, line in lines:
        text = line.text
        if text.startswith(PASSED_OVER):
            ignored, ended = True, None
            continue
        if BEGIN in text:
            if current is not None and current.frames:
                found.append(current)
            current, ended = Raised(rank, place, link=link), None
            link = None
            continue
        if text.startswith((DURING, DIRECT)):
            link, ended = ("during" if text.startswith(DURING) else "direct"), None
            continue
        frame = frame_of(text)
        if frame is not None:
            current = current or Raised(rank, place, link=link)
            current.frames.append(frame)
            link = ended = None
            continue
        if current is not None and (arrow := ARROW.match(text)) and current.frames:
            last = current.frames[-1]
            current.frames[-1] = Frame(
                last.file, last.line or int(arrow["line"]), last.function, arrow["code"].strip(" │\t")
            )
            continue
        said = raised_in(text, bool(current and current.frames))
        if said is not None:
            one = current or Raised(rank, place, link=link)
            one.line, one.type, one.message = place, said[0], said[1]
            if not ignored:
                found.append(one)
            current, ended, link, ignored = None, one, None, False
            continue
        if current is not None and current.frames and text.startswith((" ", "\t")):
            last = current.frames[-1]
            if not last.code and not set(text.strip()) <= set("^~"):
                current.frames[-1] = Frame(last.file, last.line, last.function, text.strip())
        elif ended is not None:
            if ended.message.count("\n") < MOST_MESSAGE and not text.startswith("{"):
                ended.message += f"\n{text}"
            else:
                ended = None
    if current is not None and current.frames:
        found.append(current)
    return found


def frame_of(text: str) -> Frame | None:
    """The call that a line tells of, in Python's form or in that of a notebook."""
    if found := FRAME.match(text):
        return Frame(found["file"], int(found["line"]), (found["function"] or "").strip())
    if found := FRAME_NOTEBOOK.match(text):
        return Frame(found["file"], int(found["line"]), found["function"] or "")
    if found := FRAME_CELL.match(text):
        return Frame(f"In[{found['cell']}]", int(found["line"] or 0), (found["function"] or "").strip())
    if found := FRAME_BOXED.match(text):
        return Frame(found["file"], int(found["line"]), found["function"])
    if found := FRAME_OLD.match(text):
        return Frame(found["file"], 0, found["function"])
    return None


def raised_in(text: str, after_frames: bool) -> tuple[str, str] | None:
    """The type and the message of the exception that a line ends a traceback with; of any line that looks like one."""
    found = RAISED.match(text)
    if found is None and after_frames and not text.startswith((" ", "\t", "{", "[")) and ("." in text or ":" in text):
        found = RAISED_AFTER_FRAMES.match(text)
    if found is None or found["type"].endswith("Warning"):
        return None
    return found["inner"] or found["type"], (found["message"] or "").strip()
