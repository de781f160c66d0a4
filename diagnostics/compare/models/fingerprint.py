"""Which files a source answers from, by their hashes: two sources with the same hashes give the same answers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diagnostics.compare.models.sources import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Source, has_tokenizer, weight_files
from diagnostics.run.refusal import Refusal

CHUNK = 8 << 20
# Beside the weights, what decides the answer: architecture, tokenizer, template, stop tokens.
MODEL_FILES = ("config.json", "generation_config.json")
TOKENIZER_PARTS = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
)


class CacheUnwritable(Refusal, OSError):
    """The folder that things are kept in cannot be written. The message is one sentence."""

    # An OSError takes two arguments for a number and a reason; these are the two sentences.
    errno = strerror = filename = None


@contextlib.contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Make the folder, and turn what goes wrong with it into one sentence.

    Raises:
        CacheUnwritable: it cannot be made, or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise CacheUnwritable(
            f"{folder}: answers cannot be kept there ({error.strerror or error}).",
            f"{folder}：回答无法保存在那里（{error.strerror or error}）。",
        ) from error


@dataclass(frozen=True)
class FileHash:
    """A file's path, its size in bytes, and the SHA-256 of its content. `weights`: it holds weights."""

    path: str
    bytes: int
    sha256: str
    weights: bool


class Hashes:
    """Hashes of files, remembered by path, size, time of change and inode; kept in a file if one is named.

    A file that is changed in place within the same nanosecond and to the same length would not be seen.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self.kept = kept
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        if kept is not None:
            try:
                read = json.loads(kept.read_text(encoding="utf-8"))
                self._known = {str(key): str(value) for key, value in read.items()}
            except (OSError, ValueError, AttributeError):
                self._known = {}  # what cannot be read is hashed again

    def of(self, path: Path) -> str:
        """The SHA-256 of a file.

        Raises:
            OSError: it cannot be read.
        """
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        with self._lock:
            if key in self._known:
                return self._known[key]
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while part := file.read(CHUNK):
                digest.update(part)
        with self._lock:
            self._known[key] = digest.hexdigest()
            self._keep()
        return digest.hexdigest()

    def _keep(self) -> None:
        if self.kept is None:
            return
        with writing_into(self.kept.parent):
            temporary = self.kept.with_name(f".{self.kept.name}.{os.getpid()}-{threading.get_ident()}.tmp")
            temporary.write_text(json.dumps(self._known), encoding="utf-8")
            temporary.replace(self.kept)


def files_of(source: Source) -> list[tuple[Path, bool]]:
    """The files that decide a local source's answers, its base's included, and whether each holds weights."""
    if source.kind not in ("model", "adapter"):
        return []
    base = Path(source.base or "") if source.kind == "adapter" else source.folder
    speaks = source.folder if has_tokenizer(source.folder) else base
    found = [(path, True) for path in weight_files(base)]
    if source.kind == "adapter":
        found += [(source.folder / ADAPTER_WEIGHTS, True), (source.folder / ADAPTER_CONFIG, True)]
    found += [(base / name, False) for name in MODEL_FILES] + [(speaks / name, False) for name in TOKENIZER_PARTS]
    return [(path, weights) for path, weights in found if path.is_file()]


def stamps_of(source: Source) -> tuple[tuple[str, int, int, int], ...]:
    """Those files with size, time of change (ns) and inode: another file under an old name shows without reading it."""
    stamps = []
    for path, _ in files_of(source):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            stamps.append((str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return tuple(stamps)


def hashes_of(source: Source, hashes: Hashes) -> tuple[FileHash, ...]:
    """Those files with their hashes.

    Raises:
        OSError: one cannot be read.
    """
    return tuple(
        FileHash(str(path), path.stat().st_size, hashes.of(path), weights) for path, weights in files_of(source)
    )


def digest(files: tuple[FileHash, ...], source: Source, weights_only: bool = False) -> str:
    """One hash for what a source answers from; of its weights alone, the same for the same weights in another folder."""
    told = [(Path(one.path).name, one.sha256) for one in files if one.weights or not weights_only]
    return hashlib.sha256(json.dumps([told, source.quantize]).encode()).hexdigest()
