"""A full disk: refused before the first step where it can be known, and told as such where it comes later."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diagnostics.run.refusal import Sentence
from training.request import BadRequest
from training.worker.resume import why_no_state

# What the libraries say instead of an OSError: safetensors (Rust) and torch's zip writer.
FULL_WORDS = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")
ZIP_WRITER = ("PytorchStreamWriter failed", "inline_container", "unexpected pos")
FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
# A disk with less than this free is taken for full when torch's writer fails without saying why.
NOTHING_BYTES = 1 << 20
FLOAT32_BYTES = 4
# AdamW keeps two float32 moments of each trainable parameter; the weights themselves were written as float32 too.
# Measured (0.85 M parameters, float32, transformers 5.23): model 3.39 MB, optimizer.pt 6.80 MB, all else 0.18 MB.
COPIES = 3
REST_BYTES = 1 << 20


def checkpoint_bytes(parameters: Iterable[Any], save_only_model: bool, adapter: bool) -> int:
    """How large one checkpoint gets, at most: what is saved of the weights, and the optimizer's state of the trained.

    3 x 4 bytes a trained parameter (weight and AdamW's two moments) and the frozen ones in their own type, unless only
    an adapter is saved.
    """
    total = REST_BYTES
    for one in parameters:
        if one.requires_grad:
            total += one.numel() * FLOAT32_BYTES * (1 if save_only_model else COPIES)
        elif not adapter:
            total += one.numel() * one.element_size()
    return total


def check_space(folder: Path, needed: int) -> None:
    """Compare the free space at a folder with what one checkpoint needs.

    Raises:
        BadRequest: it does not fit.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BadRequest(
            f"{folder}: the disk has {megabytes(free)} free, and one checkpoint needs about {megabytes(needed)}; "
            "free some space, or name a run folder on another disk with --run.",
            f"{folder}：磁盘剩余 {megabytes(free)}，而一个检查点约需 {megabytes(needed)}；请腾出空间，或用 --run 指定另一块磁盘上的训练文件夹。",
        )


def megabytes(size: int) -> str:
    """A size as text."""
    return f"{size / 1e6:,.1f} MB"


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an exception, or one that led to it, says that the disk is full."""
    one: BaseException | None = error
    while one is not None:
        text = str(one)
        if (isinstance(one, OSError) and one.errno in FULL_NUMBERS) or any(words in text for words in FULL_WORDS):
            return True
        if any(words in text for words in ZIP_WRITER) and shutil.disk_usage(folder).free < NOTHING_BYTES:
            return True
        one = one.__cause__ or one.__context__
    return False


def remove_half_written(folder: Path) -> list[str]:
    """Remove the checkpoints of a run that break off, and the temporary files beside; the names of the checkpoints.

    Those without a whole trainer_state.json, which the Trainer writes last. It makes room too: the status has to be
    written on the full disk.
    """
    removed = []
    for path in sorted(folder.glob("checkpoint-*")):
        if path.is_dir() and not path.is_symlink() and why_no_state(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    for path in folder.glob("*.tmp"):
        path.unlink(missing_ok=True)
    return removed


def full_reason(folder: Path) -> Sentence:
    """Clear away what broke off, and say in one sentence what happened."""
    removed = remove_half_written(folder)
    gone = f" The half-written {', '.join(removed)} was removed." if removed else ""
    gone_zh = f"写了一半的 {'、'.join(removed)} 已删除。" if removed else ""
    return Sentence(
        f"Disk full: no space left at {folder} while writing.{gone}",
        f"磁盘已满：写入时 {folder} 没有剩余空间。{gone_zh}",
    )
