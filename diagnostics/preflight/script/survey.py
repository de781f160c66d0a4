"""One reading of a script: what it found, what it could not tell, and the edits that mend it. Filled by its readers."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from diagnostics.preflight.material import ScriptChange
from diagnostics.preflight.script.known import Signatures
from diagnostics.preflight.script.names import Names
from diagnostics.preflight.script.source import Edits, Source


@dataclass
class Survey:
    """A script under its readers.

    `wanted`: imports that the mended script needs, (module, name). `helpers`: functions to be written into it, by name.
    `targets`: by the call of a config class, the class that the trainer needs. `methods`: of the trainers that are called.
    """

    source: Source
    known: Signatures
    names: Names
    edits: Edits
    changes: list[ScriptChange] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    wanted: dict[tuple[str, str], None] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    targets: dict[ast.expr, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)

    @property
    def patched(self) -> bool:
        """Whether the script imports unsloth, which puts classes of its own in the place of TRL's."""
        return any(one.module.partition(".")[0] == "unsloth" for one in self.names.imports.values())

    def change(
        self,
        kind: str,
        line: int,
        what: str,
        owner: str,
        instead: str | None,
        since: str,
        note: str = "",
        fatal: bool = True,
    ) -> None:
        """Note one place that the installed libraries do not take. Whether it was mended is known in the end."""
        fatal = fatal and not (self.patched and kind != "import")
        self.changes.append(ScriptChange(kind, line, what, owner, instead, since, False, note, fatal))

    def cannot_tell(self, line: int, sentence: str) -> None:
        """Note what could not be decided."""
        self.unread.append(f"line {line}: {sentence}")

    def want(self, module: str, name: str) -> str:
        """The name under which the mended script has something; it is imported if it was not yet."""
        for one in self.names.imports.values():
            same = one.name == name and one.module.partition(".")[0] == module.partition(".")[0]
            if same and self.known.has(one.module, name):
                return one.local
        if any(star == module for star, _ in self.names.stars):
            return name
        whole = next((one for one in self.names.imports.values() if one.module == module and one.name is None), None)
        if whole is not None:
            return f"{whole.local}.{name}"
        self.wanted[(module, name)] = None
        return name


def survey_of(text: str, known: Signatures) -> Survey:
    """A script made ready to be read.

    Raises:
        SyntaxError: it is no Python.
    """
    source = Source(text)
    return Survey(source, known, Names(source, known), Edits(source))
