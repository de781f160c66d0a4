"""What the installed libraries offer: modules, their names, the arguments of classes. Plain values that a probe fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Signatures:
    """The installed TRL and transformers as far as a script's names are judged by them.

    `versions`: by library. `modules`: by dotted name, the names that can be imported from it; a module that is not there
    does not exist, but for those below `unlisted`. `defined`: of those names the ones that are written there, not
    imported from elsewhere. `classes`: by class, the arguments of its `__init__` (of a config class its fields); by `Trainer.method`, the method's.
    `unlisted`: modules that exist and whose names and submodules were not looked at.
    """

    versions: Mapping[str, str]
    modules: Mapping[str, frozenset[str]]
    classes: Mapping[str, frozenset[str]]
    defined: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unlisted: frozenset[str] = frozenset()

    def judged(self, module: str) -> bool:
        """Whether anything can be said of a module: its library was looked at, and it is none of the unlisted."""
        parts = module.split(".")
        above = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        return parts[0] in self.modules and not above & self.unlisted

    def has(self, module: str, name: str) -> bool:
        """Whether a name can be imported from a module; true where that cannot be said."""
        if not self.judged(module):
            return True
        names = self.modules.get(module, frozenset())
        return name in names or f"{module}.{name}" in self.modules or f"{module}.{name}" in self.unlisted

    def takes(self, called: str, argument: str) -> bool:
        """Whether a class, or a method such as `Trainer.log`, takes an argument by name."""
        return argument in self.classes.get(called, frozenset())

    def home(self, name: str, library: str) -> str | None:
        """The module of a library from which a name is best imported today: the library itself, then the shortest."""
        if name in self.modules.get(library, frozenset()):
            return library
        packages = [one for one in self.modules if one.startswith(f"{library}.experimental.") and one.count(".") == 2]
        offering = [one for one in packages if name in self.modules[one]]
        writing = [one for one, names in self.defined.items() if one.startswith(f"{library}.") and name in names]
        found = sorted(offering, key=len) or sorted(writing, key=len)
        return found[0] if found else None
