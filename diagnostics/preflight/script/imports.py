"""Reads the imports of a script, and the names that it takes from a module or from a star import."""

from __future__ import annotations

import ast

from diagnostics.preflight.script import history
from diagnostics.preflight.script.history import Past
from diagnostics.preflight.script.names import LIBRARIES, Imported
from diagnostics.preflight.script.survey import Survey

UNKNOWN = "an unknown version"
CATCHES = {"ImportError", "ModuleNotFoundError", "Exception"}


def read_imports(survey: Survey) -> None:
    """Judge every import of TRL, transformers and peft, `trl.X` and the names of a star import; and rewrite them."""
    statements: dict[ast.ImportFrom, list[Imported]] = {}
    for one in ordered(survey):
        library = one.module.partition(".")[0]
        if library not in LIBRARIES or not survey.known.judged(one.module):
            continue
        if isinstance(one.statement, ast.ImportFrom):
            statements.setdefault(one.statement, []).append(one)
        elif one.alias.name not in survey.known.modules and survey.known.judged(one.alias.name):
            module_gone(survey, one.alias.name, one.statement)
    for statement, imported in statements.items():
        read_statement(survey, statement, imported)
    for module, statement in survey.names.stars:
        if module.partition(".")[0] in LIBRARIES and survey.known.judged(module):
            if module not in survey.known.modules:
                module_gone(survey, module, statement)
            else:
                read_star(survey, module, statement)
    read_attributes(survey)


def ordered(survey: Survey) -> list[Imported]:
    """All imported names, in the order of the text."""
    return sorted(
        survey.names.imports.values(), key=lambda one: (one.statement.lineno, one.alias.lineno, one.alias.col_offset)
    )


def guarded(survey: Survey, node: ast.AST) -> bool:
    """Whether a statement stands in a `try` that catches its failing, or is for some versions only."""
    while node in survey.source.parents:
        below, node = node, survey.source.parents[node]
        if isinstance(node, ast.If) and "version" in survey.source.segment(node.test).lower():
            return True
        if isinstance(node, ast.Try) and below in node.body:
            for handler in node.handlers:
                caught = (
                    {one.id for one in ast.walk(handler.type) if isinstance(one, ast.Name)} if handler.type else CATCHES
                )
                if caught & CATCHES:
                    return True
    return False


def read_statement(survey: Survey, statement: ast.ImportFrom, imported: list[Imported]) -> None:
    """Judge one `from M import a, b` and write it anew where names moved."""
    module = statement.module or ""
    if guarded(survey, statement):
        if any(not survey.known.has(module, one.name or "") for one in imported):
            survey.cannot_tell(
                statement.lineno, f"an import from {module} may fail, and is caught by the script: left as it is."
            )
        return
    stay: list[str] = []
    elsewhere: dict[str, list[str]] = {}
    for one in imported:
        name = one.name or ""
        as_ = f" as {one.alias.asname}" if one.alias.asname else ""
        back = module == history.KTO_AWAY and survey.known.has("trl", name)
        if survey.known.has(module, name) and not back:
            stay.append(name + as_)
            continue
        home, new, past = successor(survey, module, name)
        if one.local != new and home and new and not one.alias.asname:
            rename_uses(survey, one.local, new)
        survey.change(
            "import", one.alias.lineno, name, module, f"{home}.{new}" if home else None,
            past.since if past else history.KTO_BACK if back else UNKNOWN, note_of(past, home), not (back and survey.known.has(module, name)),
        )  # fmt: skip
        if home and new:
            (stay if home == module else elsewhere.setdefault(home, [])).append(new + as_)
        elif name in DROPPED_WITH_ITS_USE and not used(survey, one.local):
            pass  # the import goes; it was told of above, or by the reading before this one
        else:
            stay.append(name + as_)
    if len(stay) != len(imported) or any(
        one.name not in {part.partition(" as ")[0] for part in stay} for one in imported
    ):
        rewrite(survey, statement, imported, stay, elsewhere)


# Imports that go when the calls that need them have been rewritten.
DROPPED_WITH_ITS_USE = {
    "get_kbit_device_map",
    "DataCollatorForCompletionOnlyLM",
    "RewardDataCollatorWithPadding",
    "DPODataCollatorWithPadding",
}


def used(survey: Survey, name: str) -> bool:
    """Whether a name is read anywhere in the script."""
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(survey.source.tree))


def successor(survey: Survey, module: str, name: str) -> tuple[str | None, str | None, Past | None]:
    """Where a name is imported from today, and what it is called there; with what the history says of it."""
    library = module.partition(".")[0]
    past = history.NAMES.get(name)
    if past and past.module:
        return past.module, past.instead, past
    if past and past.instead:
        home = survey.known.home(past.instead, library)
        return home, past.instead if home else None, past
    home = survey.known.home(name, library)
    if home and past and past.form == "hand" and "." in home and not home.startswith("trl.experimental"):
        home = None
    return home, name if home else None, past


def note_of(past: Past | None, home: str | None) -> str:
    """What a person should know of it: the history's note where nothing could be put in its place."""
    return past.note if past and (not home or past.instead) else ""


def rewrite(
    survey: Survey,
    statement: ast.ImportFrom,
    imported: list[Imported],
    stay: list[str],
    elsewhere: dict[str, list[str]],
) -> None:
    """Write an import anew: the names that stay, and a line for each module that others moved to."""
    source = survey.source
    start, end = source.span(statement)
    indent = source.text[source.line_of(start)[0] : start]
    lines = [f"from {module} import {', '.join(names)}" for module, names in elsewhere.items()]
    module = statement.module or ""
    if not stay:
        if not lines and not indent.strip():
            first, last = source.line_of(start)[0], source.line_of(end)[1]
            alone = len(getattr(source.parents[statement], "body", ())) > 1 and not source.text[end:last].strip()
            survey.edits.replace((first, last + 1) if alone else (start, end), "" if alone else "pass")
        else:
            survey.edits.replace((start, end), f"\n{indent}".join(lines))
        return
    if "\n" in source.text[start:end]:
        by_name = {part.partition(" as ")[0] for part in stay}
        going = [one for one in imported if (one.name or "") not in by_name]
        holder_edits(survey, statement, going)
        new = [one for one in stay if one.partition(" as ")[0] not in {each.name for each in imported}]
        if new:
            lines.insert(0, f"from {module} import {', '.join(new)}")
    else:
        survey.edits.replace((start, end), f"from {module} import {', '.join(dict.fromkeys(stay))}")
    if lines:
        last = source.line_of(end)[1]
        survey.edits.replace((last, last), "".join(f"\n{indent}{line}" for line in lines))


def holder_edits(survey: Survey, statement: ast.ImportFrom, going: list[Imported]) -> None:
    """Take names out of an import over several lines."""
    source = survey.source
    spans = [source.span(alias) for alias in statement.names]
    for one in going:
        place = statement.names.index(one.alias)
        start, end = spans[place]
        first, last = source.line_of(start)[0], source.line_of(end)[1]
        rest = source.text[end:last].strip().removeprefix(",").strip()
        if not source.text[first:start].strip() and (not rest or rest.startswith("#")):
            survey.edits.replace((first, last + 1), "")
        elif place:
            survey.edits.replace((spans[place - 1][1], end), "")
        else:
            survey.edits.replace((start, spans[1][0] if len(spans) > 1 else end), "")


def rename_uses(survey: Survey, old: str, new: str) -> None:
    """Give every use of a name its new one."""
    for node in ast.walk(survey.source.tree):
        if isinstance(node, ast.Name) and node.id == old:
            survey.edits.replace(survey.source.span(node), new)


def module_gone(survey: Survey, module: str, statement: ast.stmt) -> None:
    """A module that is not there any more, imported as a whole."""
    if not guarded(survey, statement):
        survey.change("import", statement.lineno, module, module.partition(".")[0], None, UNKNOWN, "the module is gone")


def read_star(survey: Survey, module: str, statement: ast.ImportFrom) -> None:
    """Names that a star import no longer brings, as far as they are known to have been among them."""
    names, tree = survey.names, survey.source.tree
    bound = names.imports.keys() | names.values.keys() | names.functions.keys() | names.classes.keys()
    seen: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id in bound | seen or survey.known.has(module, node.id):
            continue
        past = history.NAMES.get(node.id)
        if past is None or (past.since.partition(" ")[0] == "transformers") != module.startswith("transformers"):
            continue
        seen.add(node.id)
        home, new, _ = successor(survey, module, node.id)
        survey.change(
            "name", node.lineno, node.id, module, f"{home}.{new}" if home else None, past.since, note_of(past, home)
        )
        if home and new:
            survey.wanted[(home, new)] = None
            if new != node.id:
                rename_uses(survey, node.id, new)


def read_attributes(survey: Survey) -> None:
    """`trl.X` where the library has no X any more."""
    modules = {one.local: one.module for one in survey.names.imports.values() if one.name is None}
    for node in ast.walk(survey.source.tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules):
            continue
        module = modules[node.value.id]
        if (
            module.partition(".")[0] not in LIBRARIES
            or module not in survey.known.modules
            or node.attr.startswith("__")
        ):
            continue
        if survey.known.has(module, node.attr) or f"{module}.{node.attr}" in survey.known.modules:
            continue
        home, new, past = successor(survey, module, node.attr)
        survey.change(
            "name", node.lineno, node.attr, module, f"{home}.{new}" if home else None,
            past.since if past else UNKNOWN, note_of(past, home),
        )  # fmt: skip
        if home and new:
            short = new if home != module else f"{node.value.id}.{new}"
            if home != module:
                survey.wanted[(home, new)] = None
            survey.edits.replace(survey.source.span(node), short)
