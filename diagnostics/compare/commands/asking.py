"""What the commands of a comparison share: options for drawing answers, and sentences for wrong ones."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from diagnostics.compare.cache import default_folder
from diagnostics.compare.models.mailbox import Sampling
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.report.words import LANGS
from diagnostics.run.refusal import Refusal, said

T = TypeVar("T")
OK, FOUND, INTERRUPTED = 0, 1, 130


class BadInput(Refusal):
    """What was asked cannot be done. The message is one sentence."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options for drawing answers and for where they are kept."""
    parser.add_argument(
        "--temperature", type=float, default=0.0, help="0 takes the likeliest token each time (default)"
    )
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--system", metavar="TEXT", help="a system prompt for all prompts that have none")
    parser.add_argument("--judge", metavar="URL#MODEL", help="a model behind an OpenAI-compatible endpoint that judges")
    parser.add_argument("--lang", choices=LANGS, default="en")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there instead of printing it")
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_folder(),
        metavar="DIR",
        help=f"where answers are kept ({default_folder()})",
    )


def sampling_of(arguments: argparse.Namespace) -> Sampling:
    """How the answers are drawn.

    Raises:
        BadInput: a value is out of its range.
    """
    try:
        return Sampling(0, arguments.temperature, arguments.top_p, arguments.max_new_tokens)
    except ValueError as error:
        raise BadInput(
            f"--{said(error).replace('_', '-', 2)}", f"--{said(error, 'zh').replace('_', '-', 2)}"
        ) from error


@contextmanager
def model_workers() -> Iterator[WorkerPool]:
    """The model workers of one command, in a temporary folder; they are ended at the end, whatever ends it.

    Raises:
        BadInput: the memory that they may take is said in no number.
    """
    with tempfile.TemporaryDirectory(prefix="clinic-workers-", ignore_cleanup_errors=True) as root:
        try:
            pool = WorkerPool(Path(root))
        except ValueError as error:
            raise BadInput.of(error) from error
        with closing(pool):
            yield pool


@contextmanager
def closed(states: Iterator[T]) -> Iterator[Iterator[T]]:
    """An iterator that is closed at the end, whatever ends it: that cancels what it has under way."""
    try:
        yield states
    finally:
        close = getattr(states, "close", None)
        if close is not None:
            close()
