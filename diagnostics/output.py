"""Where a report goes: to standard output, or to a file, whole or not at all."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

from diagnostics.run.refusal import Sentence, said

BAD_INPUT = 2


def as_units(error: UnicodeError) -> tuple[str, int]:
    r"""What cannot be encoded as `\uXXXX` a UTF-16 unit: as readable as Python's own `\xNN`, and valid in JSON as well."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)), error.end


codecs.register_error("clinic-units", as_units)


def to_stdout(text: str) -> None:
    """Write a text to standard output. A reader that has gone away, such as `head`, is no error.

    Raises:
        OSError: it cannot be written, for example because a disk is full.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # What the terminal cannot show, or no encoding can hold, is written as an escape rather than lost with the rest.
        sys.stdout.write(text.encode(encoding, "clinic-units").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end: let it do so into nothing (as its page on SIGPIPE says).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def unwritable(path: Path) -> Sentence | None:
    """Why a report cannot be written there, so far as can be seen before it is made; None if it can."""
    if path.is_dir():
        return Sentence(f"{path}: is a folder, the name of a file was expected.", f"{path}：是文件夹，应为文件名。")
    if not path.parent.is_dir():
        return Sentence(f"{path}: there is no folder {path.parent}.", f"{path}：没有文件夹 {path.parent}。")
    if not os.access(path.parent, os.W_OK):
        return Sentence(
            f"{path}: the folder {path.parent} cannot be written to.", f"{path}：文件夹 {path.parent} 无法写入。"
        )
    return None


def unwritten(path: Path | None, error: OSError) -> Sentence:
    """That a report could not be written: to a file, or to standard output where none was named."""
    why = error.strerror or error
    return Sentence(
        f"{path or 'standard output'}: the report cannot be written ({why}).",
        f"{path or '标准输出'}：报告无法写入（{why}）。",
    )


def to_file(text: str, path: Path) -> None:
    """Write a text as UTF-8 under a temporary name beside the file, then rename it: nobody sees half a report.

    Raises:
        OSError: it cannot be written.
    """
    data = text.encode("utf-8", "clinic-units")
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or a pipe, such as /dev/stdout: a rename would put a file in its place
        return
    target = path.resolve()  # of a link, the file it leads to
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def tell(note: object, lang: str = "en") -> None:
    """Say on standard error, beside the report, what else there is to say."""
    print(said(note, lang), file=sys.stderr)


def tell_place(path: Path, lang: str = "en") -> None:
    """Say where the report is."""
    tell(Sentence(f"The report is in {path}.", f"报告在 {path}。"), lang)


def refuse(reason: object, lang: str = "en") -> int:
    """Say on standard error, in one line, why a command cannot be carried out; return the exit code that means so."""
    print(" ".join(said(reason, lang).split()), file=sys.stderr)
    return BAD_INPUT
