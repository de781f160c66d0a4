"""What the names of a script stand for: imports, aliases, values, classes of its own, parsed arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from diagnostics.preflight.script.known import Signatures
from diagnostics.preflight.script.source import Source

LIBRARIES = ("trl", "transformers", "peft")
PARSERS = ("HfArgumentParser", "TrlParser")
PARSING = ("parse_args_into_dataclasses", "parse_args_and_config", "parse_dict", "parse_yaml_file", "parse_json_file")


@dataclass(frozen=True)
class Imported:
    """One imported name: as it is called here, its module, its name there (None: the module itself)."""

    local: str
    module: str
    name: str | None
    statement: ast.Import | ast.ImportFrom
    alias: ast.alias


@dataclass(frozen=True)
class Binding:
    """One assignment to a name: the function or module that it is made in, what is assigned (None: no plain value), where."""

    scope: ast.AST
    value: ast.expr | None
    line: int


@dataclass
class Names:
    """The bindings of a script, as far as its text tells them without running it.

    `values`: by name, every assignment to it; `self.x` is a name of its own. `parsed`: by variable, the node that names
    its class in a parser's list. `stars`: modules of which everything is imported.
    """

    source: Source
    known: Signatures
    imports: dict[str, Imported] = field(default_factory=dict)
    stars: list[tuple[str, ast.ImportFrom]] = field(default_factory=list)
    values: dict[str, list[Binding]] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    parsed: dict[str, ast.expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Walk the tree once for bindings, once more for parsers."""
        for node in ast.walk(self.source.tree):
            self.bind(node)
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Assign):
                self.bind_parsed(node)

    def bind(self, node: ast.AST) -> None:
        """The bindings of one node."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                module = alias.name if alias.asname else local
                self.imports[local] = Imported(local, module, None, node, alias)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    self.stars.append((node.module or "", node))
                else:
                    local = alias.asname or alias.name
                    self.imports[local] = Imported(local, node.module or "", alias.name, node, alias)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.bind_target(node, target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            if node.value is not None:
                self.bind_target(node, node.target, node.value)
        elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension):
            self.bind_target(node, node.target, None)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self.bind_target(node.optional_vars, node.optional_vars, None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            self.classes[node.name] = node
        elif isinstance(node, ast.arg):
            self.values.setdefault(node.arg, []).append(Binding(self.source.scope(node), None, node.lineno))

    def bind_target(self, node: ast.AST, target: ast.expr, value: ast.expr | None) -> None:
        """What one assignment binds."""
        line, scope = target.lineno, self.source.scope(node)
        if isinstance(target, ast.Name):
            self.values.setdefault(target.id, []).append(Binding(scope, value, line))
            return
        if own := own_attribute(target):
            self.values.setdefault(own, []).append(Binding(self.source.tree, value, line))
        for name in stored(target):
            self.values.setdefault(name, []).append(Binding(scope, None, line))

    def bind_parsed(self, node: ast.Assign) -> None:
        """The variables that a parser's result is unpacked to, each with its class."""
        call, place = node.value, None
        if isinstance(call, ast.Subscript):
            if not isinstance(call.slice, ast.Constant) or not isinstance(call.slice.value, int):
                return
            place, call = call.slice.value, call.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in PARSING):
            return
        parser = self.value(call.func.value)
        if not (isinstance(parser, ast.Call) and self.class_of(parser.func) in PARSERS and parser.args):
            return
        listed = self.value(parser.args[0])
        found = listed.elts if isinstance(listed, ast.Tuple | ast.List) else [listed] if listed else []
        if place is not None:
            if place < len(found) and isinstance(node.targets[0], ast.Name):
                self.parsed[node.targets[0].id] = found[place]
            return
        for target in node.targets:
            variables = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            for variable, one in zip(variables, found, strict=False):
                if isinstance(variable, ast.Name):
                    self.parsed[variable.id] = one

    def bindings(self, node: ast.expr) -> list[Binding]:
        """The assignments that a variable may have its value from: those of the nearest function that makes any."""
        name = node.id if isinstance(node, ast.Name) else own_attribute(node)
        found = self.values.get(name or "", [])
        scope: ast.AST | None = self.source.scope(node)
        while found and scope is not None:
            here = [one for one in found if one.scope is scope]
            if here:
                return here
            scope = self.source.scope(scope) if scope is not self.source.tree else None
        return []

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """An expression, a variable followed to the one value that is assigned to it; None if there are several."""
        for _ in range(5):
            if not isinstance(node, ast.Name) and not (node is not None and own_attribute(node)):
                return node
            if isinstance(node, ast.Name) and node.id in self.imports:
                return None
            values = [one.value for one in self.bindings(node)]
            if len(values) > 1:  # `self.x = None` at first is no second value
                values = [one for one in values if not (isinstance(one, ast.Constant) and one.value is None)]
            if len(values) != 1:
                return None
            node = values[0]
        return None

    def path(self, node: ast.expr) -> tuple[str, str] | None:
        """The module and name that an expression stands for, if it is an imported one."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        found = self.imports.get(node.id)
        if found is None:
            if node.id in self.values or node.id in self.functions or node.id in self.classes or attributes:
                return None
            star = next((module for module, _ in self.stars if module.partition(".")[0] in LIBRARIES), None)
            return (star, node.id) if star else None
        whole = [found.module, *([found.name] if found.name else []), *attributes]
        return (".".join(whole[:-1]), whole[-1]) if len(whole) > 1 else (whole[0], "")

    def class_of(self, node: ast.expr) -> str | None:
        """The name of the library's class or function that an expression stands for; of a class of the script, its base's."""
        if isinstance(node, ast.Name) and node.id in self.classes:
            return self.base(self.classes[node.id])
        found = self.path(node)
        if found and found[0].partition(".")[0] in LIBRARIES:
            return found[1]
        return None

    def base(self, node: ast.ClassDef, depth: int = 0) -> str | None:
        """The library's class that a class of the script is made from."""
        for one in node.bases:
            if isinstance(one, ast.Name) and one.id in self.classes and depth < 5 and self.classes[one.id] is not node:
                found = self.base(self.classes[one.id], depth + 1)
            else:
                found = self.class_of(one)
            if found in self.known.classes:
                return found
        return None

    def own_arguments(self, node: ast.expr) -> frozenset[str] | None:
        """The further arguments of a class of the script; none of a library's own; None where they cannot be told."""
        if not (isinstance(node, ast.Name) and node.id in self.classes):
            return frozenset()
        found: set[str] = set()
        for one in self.lineage(self.classes[node.id]):
            for part in one.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    found.add(part.target.id)
                if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    if part.args.kwarg is None:
                        return None
                    found |= {one.arg for one in (*part.args.args, *part.args.kwonlyargs)}
        return frozenset(found)

    def lineage(self, node: ast.ClassDef) -> Iterator[ast.ClassDef]:
        """A class of the script and those of the script that it is made from."""
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.name in seen:
                continue
            seen.add(one.name)
            yield one
            waiting += [
                self.classes[base.id] for base in one.bases if isinstance(base, ast.Name) and base.id in self.classes
            ]


def own_attribute(node: ast.AST) -> str | None:
    """`self.x` as a name."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return None


def stored(node: ast.AST) -> Iterator[str]:
    """The plain names that an assignment's target binds."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
