"""Rewrites what masked the prompt before TRL 0.20 (DataCollatorForCompletionOnlyLM), and formatting functions of batches."""

from __future__ import annotations

import ast

from diagnostics.preflight.script import history
from diagnostics.preflight.script.source import Holder
from diagnostics.preflight.script.survey import Survey

COLLATOR = "DataCollatorForCompletionOnlyLM"
HELPER = "answers_only"
HELPER_TEXT = '''

def answers_only(dataset, text, response_template):
    """Rows of prompt and completion: the text of a row, cut behind its last response template; trained on from there."""

    def cut(row):
        before, template, completion = text(row).rpartition(response_template)
        return {"prompt": before + template, "completion": completion}

    rows = dataset.filter(lambda row: response_template in text(row))
    return rows.map(cut, remove_columns=rows.column_names)

'''
WIDE = 100  # characters of a line, from which on a call is written over several
PLAIN = "DataCollatorForLanguageModeling"
PLAIN_NOTE = "rows of SFTTrainer have labels, which this collator does not pad: only a batch of equal lengths passes"
BATCH_SINCE = "0.15"
BATCH_NOTE = "a formatting function gets one row and returns one text"
SPLIT_NOTE = (
    "each text is cut at its last response template into prompt and completion, and trained on the completion only; "
    "rows without the template are left out"
)


def read_formatting(survey: Survey, call: ast.Call, trainer: str, holder: Holder) -> None:
    """A formatting function that takes a batch and returns a list of texts: wrapped so that it gets one row."""
    if trainer != "SFTTrainer" or "formatting_func" not in holder.arguments:
        return
    argument = holder.arguments["formatting_func"]
    if isinstance(argument.value, ast.Name) and batched(survey, argument.value.id):
        name = argument.value.id
        survey.change(
            "call", argument.line, f"{name} of a batch", "formatting_func", "one row", BATCH_SINCE, BATCH_NOTE
        )
        if "data_collator" not in holder.arguments or not collator_call(survey, holder):
            survey.edits.replace(survey.source.span(argument.value), one_row(name))


def one_row(name: str) -> str:
    """A function of one row made from one of a batch."""
    return f"lambda row: {name}({{key: [value] for key, value in row.items()}})[0]"


def batched(survey: Survey, name: str) -> bool:
    """Whether a function returns a list that it filled in a loop, or made by a comprehension: one of batches."""
    function = survey.names.functions.get(name)
    if function is None or not function.args.args:
        return False
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    lists = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.ListComp)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return bool(returned) and all(
        isinstance(one, ast.List | ast.ListComp) or (isinstance(one, ast.Name) and one.id in lists) for one in returned
    )


def collator_call(survey: Survey, holder: Holder) -> ast.Call | None:
    """The call of the collator that a trainer is given."""
    argument = holder.arguments.get("data_collator")
    value = survey.names.value(argument.value) if argument else None
    if isinstance(value, ast.Call) and survey.names.class_of(value.func) == COLLATOR:
        return value
    return None


def read_collator(survey: Survey, call: ast.Call, trainer: str, holder: Holder) -> None:
    """Take the collator away and cut the rows into prompt and completion instead, where the text tells how."""
    read_plain_collator(survey, trainer, holder)
    made = collator_call(survey, holder)
    if trainer != "SFTTrainer" or made is None or survey.known.has("trl", COLLATOR):
        return
    past = history.NAMES[COLLATOR]
    survey.change("call", made.lineno, COLLATOR, "data_collator", "prompt and completion", past.since, SPLIT_NOTE)
    template = template_of(survey, made)
    text = text_of_row(survey, call, holder)
    data = [holder.arguments[name] for name in ("train_dataset", "eval_dataset") if name in holder.arguments]
    if template is None or text is None or not data or len(call.args) > 3:
        survey.cannot_tell(made.lineno, f"{COLLATOR}: how to cut the rows is not plain here. By hand: {past.note}.")
        return
    for argument in data:
        if isinstance(argument.value, ast.Constant) and argument.value.value is None:
            continue
        rows = survey.source.segment(argument.value)
        start = survey.source.span(argument.value)[0]
        line = survey.source.text[survey.source.line_of(start)[0] : start]
        indent = line[: len(line) - len(line.lstrip())]
        inner = f"{rows}, {text}, {template}"
        new = f"{HELPER}({inner})" if len(line) + len(inner) < WIDE else f"{HELPER}(\n{indent}    {inner}\n{indent})"
        survey.edits.replace(survey.source.span(argument.value), new)
    survey.helpers[HELPER] = HELPER_TEXT
    for name in ("data_collator", "formatting_func"):
        if name in holder.arguments:
            holder.remove(holder.arguments[name])
    drop_assignment(survey, made)
    forget_packing(survey, holder)


def read_plain_collator(survey: Survey, trainer: str, holder: Holder) -> None:
    """A collator of transformers that copies the tokens as labels: SFTTrainer's rows have labels, which it cannot pad."""
    argument = holder.arguments.get("data_collator")
    made = survey.names.value(argument.value) if argument else None
    if trainer != "SFTTrainer" or argument is None or not isinstance(made, ast.Call):
        return
    words = {word.arg: word.value for word in made.keywords}
    mlm = words.get("mlm", made.args[1] if len(made.args) > 1 else None)
    off = isinstance(mlm, ast.Constant) and mlm.value is False
    if survey.names.class_of(made.func) == PLAIN and off:
        survey.change("call", made.lineno, PLAIN, "data_collator", "the trainer's own", "1.0", PLAIN_NOTE, False)
        holder.remove(argument)


def forget_packing(survey: Survey, holder: Holder) -> None:
    """`dataset_text_field` names a column that is no longer there: it goes with the collator."""
    if "dataset_text_field" in holder.arguments:
        holder.remove(holder.arguments["dataset_text_field"])


def template_of(survey: Survey, made: ast.Call) -> str | None:
    """The response template as it is written, if it is a text.

    None for token ids, and where an instruction template masks the turns in between too.
    """
    words = {word.arg: word.value for word in made.keywords}
    if "instruction_template" in words or None in words or len(made.args) > 2:
        return None
    given = words.get("response_template") or (made.args[0] if made.args else None)
    value = survey.names.value(given)
    if given is not None and isinstance(value, ast.Constant) and isinstance(value.value, str):
        return survey.source.segment(given)
    return None


def text_of_row(survey: Survey, call: ast.Call, holder: Holder) -> str | None:
    """How the text of a row is had, as a function: the formatting function, or one that takes the text field."""
    formatting = holder.arguments.get("formatting_func")
    if formatting is not None:
        if not isinstance(formatting.value, ast.Name):
            return None
        return one_row(formatting.value.id) if batched(survey, formatting.value.id) else formatting.value.id
    field = holder.arguments.get("dataset_text_field")
    if field is None:
        args = holder.arguments.get("args")
        made = survey.names.value(args.value) if args else None
        inner = survey.edits.holder(made) if isinstance(made, ast.Call) else None
        field = inner.arguments.get("dataset_text_field") if inner else None
    if field is not None and isinstance(survey.names.value(field.value), ast.Constant):
        return f"lambda row: row[{survey.source.segment(field.value)}]"
    return None


def drop_assignment(survey: Survey, made: ast.Call) -> None:
    """Take the statement away that made the collator, if it did nothing else."""
    statement = survey.source.statement(made)
    if not (isinstance(statement, ast.Assign) and statement.value is made):
        return
    start, end = survey.source.span(statement)
    first, last = survey.source.line_of(start)[0], survey.source.line_of(end)[1]
    body = getattr(survey.source.parents[statement], "body", ())
    if len(body) > 1 and not survey.source.text[first:start].strip():
        survey.edits.replace((first, last + 1), "")
