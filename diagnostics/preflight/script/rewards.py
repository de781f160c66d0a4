"""Reads the reward functions that a script gives to GRPO or RLOO: whether TRL can call them as it does."""

from __future__ import annotations

import ast

from diagnostics.preflight.script.source import Holder
from diagnostics.preflight.script.survey import Survey

# TRL calls a reward function with these names, and one for each further column. `prompt` and `completion` are no such
# columns: it leaves them out (grpo_trainer.py, _calculate_rewards).
ALWAYS = ("prompts", "completions", "completion_ids")
NEVER = ("prompt", "completion", "self")
KEYWORDS = "TRL calls it by name: def f(prompts, completions, **kwargs)"


def read_rewards(survey: Survey, call: ast.Call, trainer: str, holder: Holder) -> None:
    """Judge the signature of each reward function that is written in the script."""
    if trainer not in ("GRPOTrainer", "RLOOTrainer"):
        return
    given = holder.arguments["reward_funcs"].value if "reward_funcs" in holder.arguments else None
    if given is None and len(call.args) > 1:
        given = call.args[1]
    listed = (
        survey.names.value(given) if isinstance(given, ast.Name) and given.id not in survey.names.functions else given
    )
    for one in listed.elts if isinstance(listed, ast.List | ast.Tuple) else [listed]:
        function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None = None
        if isinstance(one, ast.Name):
            value = survey.names.value(one)
            function = survey.names.functions.get(one.id) or (value if isinstance(value, ast.Lambda) else None)
        elif isinstance(one, ast.Lambda):
            function = one
        if function is not None:
            judge_signature(survey, function)


def judge_signature(survey: Survey, function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
    """Whether a call by `prompts=`, `completions=`, `completion_ids=`, the columns and more can work."""
    spec, name = function.args, getattr(function, "name", "a reward function")
    line = function.lineno
    required = spec.args[: len(spec.args) - len(spec.defaults)]
    if any(one.arg in (*ALWAYS, *NEVER) for one in spec.posonlyargs[: len(spec.posonlyargs) - len(spec.defaults)]):
        survey.change("call", line, f"{name}(..., /)", "reward_funcs", None, "0.14", KEYWORDS)
    for one in required:
        if one.arg in NEVER:
            instead = f"{one.arg}s" if one.arg != "self" else None
            survey.change("call", line, f"{name}({one.arg})", "reward_funcs", instead, "0.14",
                          f"no such argument is given; {KEYWORDS}")  # fmt: skip
    if spec.kwarg is None:
        survey.change("call", line, f"{name} without **kwargs", "reward_funcs", "**kwargs", "0.14",
                      f"TRL gives more arguments than it names; {KEYWORDS}")  # fmt: skip
        last = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        if isinstance(function, ast.Lambda) or not last:
            return
        end = survey.source.span(last[-1])[1]
        default = (spec.kw_defaults if spec.kwonlyargs else spec.defaults)[-1:]
        if default and default[0] is not None:
            end = survey.source.span(default[0])[1]
        survey.edits.replace((end, end), ", **kwargs")
