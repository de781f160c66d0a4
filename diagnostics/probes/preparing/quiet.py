"""Lets libraries work without traces: nothing on standard output, nothing in the user's caches, no state left behind."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int, str], None]


@dataclass
class Noise:
    """What the libraries say meanwhile: `heard`, their warnings; `done`, rows that the present pass has behind it.

    `folder`: where they may write; it is gone afterwards.
    """

    folder: str
    heard: list[str] = field(default_factory=list)
    done: int = 0


# A process of a distributed run that prepares alone must not join the others.
RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "ACCELERATE_USE_FSDP",
         "ACCELERATE_USE_DEEPSPEED")  # fmt: skip
ALIKE = 60  # letters
LIBRARIES = ("trl", "transformers", "datasets", "accelerate")


class Heard(logging.Handler):
    """Keeps what the libraries warn of."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message once."""
        text = record.getMessage().strip().removeprefix("[RANK 0] ")
        # The same said of another row, with its own text in it, is not said twice.
        if not any(line[:ALIKE] == text[:ALIKE] for line in self.lines):
            self.lines.append(text)


@contextlib.contextmanager
def quietly(progress: Progress | None) -> Iterator[Noise]:
    """Within it the libraries say and write nothing; yields what they would have."""
    # All that is used later, now: a library puts its own handlers in place as it is imported.
    import datasets
    import transformers  # noqa: F401
    import trl  # noqa: F401

    caching = datasets.is_caching_enabled()
    datasets.disable_caching()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="preflight-") as folder,
            temporary_files(folder),
            listening((noise := Noise(folder)).heard),
            alone(),
            counted(noise, progress),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            yield noise
    finally:
        if caching:
            datasets.enable_caching()


@contextlib.contextmanager
def temporary_files(folder: str) -> Iterator[None]:
    """What `datasets` writes meanwhile lies in the folder, not in its own, which lives as long as the process."""
    from datasets import fingerprint

    class Here:
        """Stands for the library's holder of its temporary folder."""

        name = folder

    kept = fingerprint._TEMP_DIR_FOR_TEMP_CACHE_FILES
    fingerprint._TEMP_DIR_FOR_TEMP_CACHE_FILES = Here()
    try:
        yield
    finally:
        fingerprint._TEMP_DIR_FOR_TEMP_CACHE_FILES = kept


@contextlib.contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """The libraries' warnings go into the list, and nowhere else.

    TRL says some of them once in a process: what was said here is forgotten, so that training will say it again.
    """
    from accelerate.logging import MultiProcessAdapter

    forget = getattr(MultiProcessAdapter.warning_once, "cache_clear", lambda: None)
    handler = Heard(heard)
    before = []
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        before.append((logger, logger.handlers[:], logger.propagate))
        logger.handlers, logger.propagate = [handler], False
    forget()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
        forget()
    heard.extend(dict.fromkeys(str(one.message) for one in caught if not issubclass(one.category, DeprecationWarning)))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One process on the CPU, whatever the environment says; the shared state of Accelerate is as before afterwards."""
    from accelerate.state import AcceleratorState, GradientState, PartialState

    kept = {name: os.environ.pop(name) for name in RANKS if name in os.environ}
    states = [(one, dict(one._shared_state)) for one in (PartialState, AcceleratorState, GradientState)]
    for one, _ in states:
        one._shared_state.clear()
    try:
        yield
    finally:
        for one, state in states:
            one._shared_state.clear()
            one._shared_state.update(state)
        os.environ.update(kept)


@contextlib.contextmanager
def counted(noise: Noise, progress: Progress | None) -> Iterator[None]:
    """The progress of `map` and `filter` goes to a function instead of the screen."""
    from datasets import arrow_dataset

    class Bar:
        """What `datasets` takes for a tqdm bar."""

        def __init__(self, *_: Any, total: int | None = None, initial: int = 0, desc: str | None = None, **__: Any):
            self.done, self.total, self.what = initial, total or 0, desc or ""
            noise.done = 0

        def update(self, count: int = 1) -> None:
            """Rows done since the last call."""
            self.done += count
            noise.done = self.done
            if progress is not None:
                progress(self.done, self.total, self.what)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: Any) -> None:
            return None

        def set_postfix_str(self, *_: Any, **__: Any) -> None:
            """Nothing to show."""

        def close(self) -> None:
            """Nothing to close."""

    kept = arrow_dataset.hf_tqdm
    arrow_dataset.hf_tqdm = Bar
    try:
        yield
    finally:
        arrow_dataset.hf_tqdm = kept
