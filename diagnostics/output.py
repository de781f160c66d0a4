"""Where a report goes: to standard output, or to a file, whole or not at all."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

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


def unwritable(path: Path) -> str | None:
    """Why a report cannot be written there, so far as can be seen before it is made; None if it can."""
    if path.is_dir():
        return f"{path}: is a folder, the name of a file was expected."
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}."
    if not os.access(path.parent, os.W_OK):
        return f"{path}: the folder {path.parent} cannot be written to."
    return None


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


def refuse(reason: object) -> int:
    """Say on standard error, in one line, why a command cannot be carried out; return the exit code that means so."""
    print(" ".join(str(reason).split()), file=sys.stderr)
    return BAD_INPUT
