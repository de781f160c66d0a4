"""Reads what a script overrides: methods of a trainer or a callback that the library now calls with more, and attributes."""

from __future__ import annotations

import ast

from diagnostics.preflight.script import history
from diagnostics.preflight.script.survey import Survey

V5 = history.V5


def read_overrides(survey: Survey) -> None:
    """Judge the methods of trainers and callbacks that the script writes, and `trainer.tokenizer`."""
    for node in survey.names.classes.values():
        base = survey.names.base(node) or callback(survey, node)
        if base is None:
            continue
        for part in node.body:
            if not isinstance(part, ast.FunctionDef):
                continue
            if base.endswith("Trainer"):
                read_method(survey, node, part)
            elif base == "TrainerCallback" and part.name.startswith("on_"):
                read_event(survey, node, part)
    read_tokenizer(survey)


def callback(survey: Survey, node: ast.ClassDef) -> str | None:
    """Whether a class is a callback of transformers' Trainer."""
    names = [survey.names.class_of(base) for base in node.bases]
    return "TrainerCallback" if "TrainerCallback" in names else None


def read_method(survey: Survey, owner: ast.ClassDef, method: ast.FunctionDef) -> None:
    """A method that the Trainer calls with an argument that it does not take."""
    needed = history.OVERRIDES.get(method.name)
    if needed is None or not survey.known.takes(f"Trainer.{method.name}", needed.instead or ""):
        return
    spec = method.args
    names = {one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    # An argument of another name may stand in its place.
    if spec.kwarg or spec.vararg or needed.instead in names or len(spec.args) > needed.most or not spec.args:
        return
    what = f"{needed.instead}=None"
    survey.change(
        "call", method.lineno, method.name, owner.name, what, needed.since, "the Trainer calls it with one more"
    )
    end = survey.source.span(spec.args[-1])[1]
    if spec.defaults:
        end = survey.source.span(spec.defaults[-1])[1]
    survey.edits.replace((end, end), f", {what}")


def read_event(survey: Survey, owner: ast.ClassDef, method: ast.FunctionDef) -> None:
    """A callback that asks for the tokenizer under its old name."""
    spec = method.args
    required = [*spec.args[: len(spec.args) - len(spec.defaults)]]
    required += [one for one, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    old = next((one for one in required if one.arg == "tokenizer"), None)
    if old is None or not survey.known.takes("Trainer", "processing_class"):
        return
    survey.change("call", old.lineno, "tokenizer", f"{owner.name}.{method.name}", "processing_class", V5,
                  "a callback is given processing_class")  # fmt: skip
    survey.edits.replace(survey.source.span(old), "processing_class")
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id == "tokenizer":
            survey.edits.replace(survey.source.span(node), "processing_class")


def read_tokenizer(survey: Survey) -> None:
    """`trainer.tokenizer`, mostly where the tokenizer is saved when all is done."""
    found = [
        node for node in ast.walk(survey.source.tree) if isinstance(node, ast.Attribute) and node.attr == "tokenizer"
    ]
    trainers = []
    for node in found:
        made = survey.names.value(node.value)
        named = made.func if isinstance(made, ast.Call) else None
        own = isinstance(named, ast.Name) and named.id in survey.names.classes
        owner = survey.names.class_of(named) if named is not None and not own else None
        known = owner is not None and owner.endswith("Trainer") and owner in survey.known.classes
        if owner and known and not survey.known.takes(owner, "tokenizer"):
            trainers.append((node, owner))
    if any(isinstance(node.ctx, ast.Store) for node, _ in trainers):
        return
    for node, owner in trainers:
        survey.change("name", node.lineno, "tokenizer", owner, "processing_class", V5)
        end = survey.source.span(node)[1]
        survey.edits.replace((end - len("tokenizer"), end), "processing_class")
