"""wrong-columns: the data set lacks the columns that the method reads, or values in them are of another kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Evidence, Finding, Fix, Limit, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.columns import (
    ROLES,
    SPEAKERS,
    TALKS,
    TEXTS,
    WrongColumns,
    check_row,
    columns_read,
    kind_of,
    mixed,
    renames,
)
from diagnostics.preflight.converting import FATES, Proposal, propose
from diagnostics.preflight.material import Material, Rows
from diagnostics.preflight.telling import table
from diagnostics.preflight.texts import all_rows, column
from diagnostics.run import Run

NAME = "wrong-columns"
METHODS = None
PREFLIGHT_METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = (
    "run-died",
    "rows-dropped",
    "labels-all-masked",
    "dataset-too-small",
    "duplicate-rows",
    "completions-empty",
    "preparation-refused",
    "chat-template-missing",
    "chat-template-mismatch",
    "preparation-refused",
    "collective-timeout",
)

CONSTANT = Limit(20, "rows", "ours: fewer may say the same by chance")
IN_A_ROW = Limit(0.02, "share of the conversations", "ours: single slips are in most data sets")
NAMED = 5  # rows
# A list of messages as JSON or as Python writes it.
WRITTEN_OUT = re.compile(r"""\s*\[\s*\{\s*["'](?:role|from|content|value)["']\s*:""")

TALKING = (*TALKS, "prompt", "completion", "chosen", "rejected")


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "key": ("console-names", "console-removed"),
    "keys": ("console-names",),
    "absent": ("console-names",),
    "no-match": ("console-names", "console-removed"),
    "no-labels": ("console-collator", "console-names"),
    "batch": ("console-removed", "console-names"),
    "type": ("console-values", "console-names"),
    "ragged": ("console-values", "console-collator"),
    "files": ("console-mixed",),
    "kind": ("console-names",),
    "split": ("console-names",),
}


def check(run: Run) -> Finding | None:
    """Look on the console of a run that died."""
    return by_console(run)


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "key":
        return (Fix("console-rename", "show"),)
    if kind == "no-match":
        return (
            Fix("console-rename", "show"),
            Fix("console-keep", "ask", run_edits(run, remove_unused_columns=False)),
        )
    if kind == "no-labels":
        return (
            Fix("console-collator", "show"),
            Fix("console-rename", "show"),
        )
    if kind == "batch":
        return (
            Fix("console-keep", "ask", run_edits(run, remove_unused_columns=False)),
            Fix("console-rename", "show"),
        )
    if kind == "type":
        return (Fix("console-clean", "show"),)
    if kind == "ragged":
        return (
            Fix("console-clean", "show"),
            Fix("console-collator", "show"),
        )
    if kind == "kind":
        return (
            Fix("console-options", "ask", run_edits(run, assistant_only_loss=False)),
            Fix("console-rename", "show"),
        )
    if kind == "split":
        return (Fix("console-split", "show"),)
    return (Fix("console-rename", "show"),)


def sentence(facts: Mapping[str, Any], lang: Literal["en", "zh"] = "en") -> str:
    """What is wrong in one sentence, from the facts of a `WrongColumns`; a worker refuses with it too."""
    said = WORDS[lang].summary
    assert not isinstance(said, str)
    return said[facts["kind"]].format_map(facts)


def preflight(material: Material) -> Finding | None:
    """Look at the columns of both splits, and at every value in those that the method reads."""
    if material.train is None:
        raise CannotJudge("no-data", why=material.unseen.get("data", "there is none"))
    found = [judged(material, rows) for rows in (material.train, material.evaluation) if rows is not None]
    grave = [one for one in found if one and one.severity == "error"]
    return next((one for one in (*grave, *found) if one), None)


def judged(material: Material, rows: Rows) -> Finding | None:
    """What is wrong with one split: what training would refuse first, then what it would take amiss."""
    method = material.method
    assert method is not None
    text_field = str(material.value("dataset_text_field") or "text")
    mapping = material.asked.config.get("column_mapping")
    try:
        named = renames(mapping, rows.columns, rows.where)
        if not len(rows.rows):
            raise WrongColumns("no-rows", where=rows.where)
        first = {named.get(name, name): value for name, value in rows.rows[0].items()}
        present = [named.get(name, name) for name in rows.columns]
        read = columns_read(method, present, first, rows.where, text_field)
    except WrongColumns as wrong:
        return finding(material, rows, wrong.facts, (shown_columns(rows),), text_field)
    source = {named.get(name, name): name for name in rows.columns}
    held, numbers = all_rows(rows)
    values = {name: column(held, source[name]) for name in read}
    return (
        empty(material, rows, values, numbers, text_field)
        or of_wrong_kind(material, rows, values, numbers, text_field)
        or written_out(material, rows, values, numbers, text_field)
        or unlike_conversations(material, rows, values, numbers, text_field)
        or constant(material, rows, values, text_field)
    )


def shown_columns(rows: Rows) -> Evidence:
    """The columns that are there, with their values in the first row."""
    first = rows.rows[0] if len(rows.rows) else {}
    return table(rows.where, ("column", "row 0"), [(name, first.get(name)) for name in rows.columns])


def finding(
    material: Material,
    rows: Rows,
    facts: Mapping[str, Any],
    evidence: tuple[Evidence, ...],
    text_field: str,
    severity: Literal["error", "warning"] = "error",
    confidence: float = 0.98,
) -> Finding:
    """The finding, with what would make the rows those that the method reads."""
    proposal = None if facts["kind"] == "no-rows" else propose(rows, str(material.method), text_field=text_field)
    fixes = fixes_for(material, facts, proposal)
    if proposal is not None:
        evidence = (*evidence, proposed(rows, proposal))
    kind = str(facts["kind"])
    cause = (
        "mapping" if kind.startswith("mapping") else "method" if kind.startswith(("missing", "question")) else "file"
    )
    return Finding(
        rule=NAME,
        severity=severity,
        confidence=confidence,
        first_step=0,
        last_step=0,
        facts=facts,
        evidence=evidence,
        causes=(cause,),
        fixes=fixes,
    )


def fixes_for(material: Material, facts: Mapping[str, Any], proposal: Proposal | None) -> tuple[Fix, ...]:
    """The mapping or the conversion that helps, as far as one is known; else what a person has to do."""
    old = material.asked.config.get("column_mapping")
    if proposal is not None and proposal.mapping is not None and proposal.mapping != old:
        return (Fix("map", "ask", (Edit("column_mapping", old, proposal.mapping),)),)
    if proposal is not None and proposal.mapping is None:
        shape = {"shape": proposal.shape, "converted": proposal.converted, "of": proposal.looked_at}
        return (Fix("convert", "show", facts=shape),)
    taken = facts.get("taken")
    if taken and taken != old:
        return (Fix("map", "ask", (Edit("column_mapping", old, taken),)),)
    return (Fix("rows" if facts["kind"] in ROW_KINDS else "columns", "show"),)


ROW_KINDS = (
    "empty",
    "value-text",
    "value-either",
    "value-talk",
    "value-label",
    "kinds-differ",
    "kinds-mixed-talk",
    "kinds-mixed-text",
    "none-inside",
    "no-rows",
)


def proposed(rows: Rows, proposal: Proposal) -> Evidence:
    """What would happen to each column."""
    fates = [(name, FATES["en"][fate].format(column=name, target=target)) for name, fate, target in proposal.fates]
    lost = [(f"{count} rows", f"cannot be converted: {reason}") for reason, (count, _) in proposal.lost.items()]
    return table(f"{rows.where}: {proposal.shape}", ("column", "converted"), [*fates, *lost])


def empty(
    material: Material, rows: Rows, values: Mapping[str, list[Any]], numbers: np.ndarray, text_field: str
) -> Finding | None:
    """Columns in which some rows have no value."""
    for name, column_ in values.items():
        missing = [at for at, value in enumerate(column_) if value is None]
        if missing:
            facts = {"kind": "empty", "where": rows.where, "column": name, "count": len(missing)}
            shown = table(rows.where, ("row", name), [(int(numbers[at]), "null") for at in missing])
            return finding(material, rows, facts, (shown,), text_field)
    return None


def of_wrong_kind(
    material: Material, rows: Rows, values: Mapping[str, list[Any]], numbers: np.ndarray, text_field: str
) -> Finding | None:
    """Rows whose values training would refuse."""
    first: WrongColumns | None = None
    wrong: list[tuple[Any, ...]] = []
    count = 0
    names = list(values)
    kinds = {name: kind_of(held[0]) for name, held in values.items() if name in TEXTS}
    for number, row in zip(numbers, zip(*values.values(), strict=True), strict=True):
        held = dict(zip(names, row, strict=True))
        try:
            check_row(held, rows.where, int(number), text_field)
            for name, kind in kinds.items():
                if kind_of(held[name]) != kind:
                    raise mixed(rows.where, int(number), name, held[name])
        except WrongColumns as one:
            first = first or one
            count += 1
            if len(wrong) < NAMED:
                wrong.append((int(number), *row))
    if first is None:
        return None
    shown = table(f"{rows.where}: {count}", ("row", *names), wrong)
    return finding(material, rows, first.facts, (shown,), text_field)


def written_out(
    material: Material, rows: Rows, values: Mapping[str, list[Any]], numbers: np.ndarray, text_field: str
) -> Finding | None:
    """Conversations that became texts: of a CSV file, or of a column that holds texts too, for which the table makes them one."""
    for name in TEXTS:
        places = [
            at for at, value in enumerate(values.get(name, ())) if isinstance(value, str) and WRITTEN_OUT.match(value)
        ]
        if places:
            facts = {
                "kind": "written-out",
                "where": rows.where,
                "column": name,
                "count": len(places),
                "of": len(values[name]),
                "row": int(numbers[places[0]]),
            }
            shown = table(rows.where, ("row", name), [(int(numbers[at]), values[name][at]) for at in places])
            return finding(material, rows, facts, (shown,), text_field, "warning", 0.9)
    return None


def conversations(values: Mapping[str, list[Any]]) -> Iterator[tuple[str, int, list[Any]]]:
    """Every conversation of the rows: its column, its place, its messages."""
    for name in TALKING:
        for at, value in enumerate(values.get(name, ())):
            if isinstance(value, list):
                yield name, at, value


def unlike_conversations(
    material: Material, rows: Rows, values: Mapping[str, list[Any]], numbers: np.ndarray, text_field: str
) -> Finding | None:
    """Conversations that TRL takes and a template makes something else of: unknown roles, no content, two turns in a row."""
    roles: Counter[str] = Counter()
    strange: list[tuple[str, int, Any]] = []
    hollow: list[tuple[str, int, Any]] = []
    twice: list[tuple[str, int, Any]] = []
    talks = 0
    for name, at, messages in conversations(values):
        talks += 1
        before = None
        again = False
        for one in messages:
            if not isinstance(one, Mapping):
                continue
            role = one.get("role", one.get("from"))
            content = one.get("content", one.get("value"))
            if role not in ROLES:
                roles[str(role)] += 1
                if len(strange) < NAMED and (not strange or strange[-1][1] != at):
                    strange.append((name, at, one))
            if content is None and not one.get("tool_calls"):
                hollow.append((name, at, one))
            again = again or (before == role and role in ("user", "human"))
            before = role
        if again:
            twice.append((name, at, [one.get("role", one.get("from")) for one in messages if isinstance(one, Mapping)]))

    def told(
        kind: str, where: list[tuple[str, int, Any]], severity: Literal["error", "warning"], **facts: Any
    ) -> Finding:
        shown = table(
            rows.where, ("row", "column", "value"), [(int(numbers[at]), name, one) for name, at, one in where]
        )
        facts = {"kind": kind, "where": rows.where, "of": talks, **facts}
        return finding(material, rows, facts, (shown,), text_field, severity, 0.85)

    if hollow:
        count = len({(name, at) for name, at, _ in hollow})
        return told("none-inside", hollow, "warning", count=count, row=int(numbers[hollow[0][1]]))
    if roles:
        names = sorted(roles, key=lambda one: -roles[one])[:5]
        known = any(one.lower() in SPEAKERS for one in names)
        kind = "roles-renamed" if known else "roles"
        return told(kind, strange, "warning", roles=", ".join(names), count=sum(roles.values()))
    if talks and len(twice) / talks > IN_A_ROW:
        return told("turns", twice, "warning", count=len(twice), row=int(numbers[twice[0][1]]))
    return None


def constant(material: Material, rows: Rows, values: Mapping[str, list[Any]], text_field: str) -> Finding | None:
    """A column that says the same in every row: prompts or answers that carry nothing."""
    for name, column_ in values.items():
        if (
            name not in (*TEXTS, *TALKS, text_field)
            or len(column_) < CONSTANT
            or any(one != column_[0] for one in column_)
        ):
            continue
        facts = {"kind": "constant", "where": rows.where, "column": name, "count": len(column_)}
        shown = table(rows.where, ("column", "every row"), [(name, column_[0])])
        return finding(material, rows, facts, (shown,), text_field, "warning", 0.8)
    return None


WORDS = {
    "en": Words(
        title="The columns are not those that the method reads",
        summary={
            "mapping-none": 'column_mapping: {given} is none; expected TRL\'s names with yours: {{"prompt": "question"}}.',
            "mapping-missing": "column_mapping: {wanted}: {where} has no column '{column}', only {columns}.",
            "mapping-missing-near": "column_mapping: {wanted}: {where} has no column '{column}', only {columns}; did you mean "
            "{near}?",
            "mapping-twice": "column_mapping: the column '{column}' is named twice; each can be only one of TRL's.",
            "mapping-taken": "column_mapping: {wanted}: {where} has a column of that name already; map that one to another "
            "name too.",
            "no-rows": "{where}: holds no rows.",
            "missing": "{where}: has the columns {columns}; {method} reads {shapes}.",
            "missing-mapping": "{where}: has the columns {columns}; {method} reads {shapes}. column_mapping={mapping} would do "
            "it.",
            "missing-alpaca": "{where}: has the columns {columns}; {method} reads {shapes}. column_mapping={mapping} would do "
            "it (Alpaca's shape; join its column input to the instruction first where it is not empty).",
            "missing-talk-prompts": "{where}: has the columns {columns}; {method} reads {shapes}. The column {talk} holds whole "
            "conversations: without their last answer they are prompts.",
            "missing-talk": "{where}: has the columns {columns}; {method} reads {shapes}. The column {talk} holds whole "
            "conversations, which SFT reads.",
            "question-beside": "{where}: has the column '{column}', which {method} would not read; column_mapping={mapping} "
            "makes it the prompt; if the answers begin with it already, remove the column.",
            "empty": "{where}: the column '{column}' is empty in {count} rows; expected a value in each.",
            "value-text": "{where}, row {row}: '{column}' is {value}; expected a text.",
            "value-either": "{where}, row {row}: '{column}' is {value}; expected a text, or a list of messages with role and "
            "content.",
            "value-talk": "{where}, row {row}: '{column}' is {value}; expected a list of messages with role and content.",
            "value-label": "{where}, row {row}: 'label' is {value}; expected true or false.",
            "kinds-differ": "{where}, row {row}: {kinds}; expected all of one kind.",
            "kinds-mixed-talk": "{where}, row {row}: '{column}' is a conversation, and a text in the rows before; expected all of "
            "one kind.",
            "kinds-mixed-text": "{where}, row {row}: '{column}' is a text, and a conversation in the rows before; expected all of "
            "one kind.",
            "no-conversion": "{where}: has the columns {columns}, which are of no shape that could be converted for {method}.",
            "written-out": "{where}: in {count} of {of} rows, first in row {row}, '{column}' is a conversation written out as a text: "
            "training would take its brackets and quotes for what is said.",
            "none-inside": "{where}: {count} of {of} conversations have a message without content (null), first in row {row}; "
            "templates print None, or fail.",
            "roles": "{where}: the conversations know the roles {roles} ({count} messages), which chat templates do not know.",
            "roles-renamed": "{where}: the conversations call who speaks {roles} ({count} messages); TRL renames the keys only, "
            "and chat templates know system, user and assistant.",
            "turns": "{where}: in {count} of {of} conversations the user speaks twice in a row, first in row {row}.",
            "constant": "{where}: the column '{column}' holds the same in all {count} rows.",
            "console-key": "The rows have no column {what}{where}. {line}",
            "console-keys": "The rows have none of the sets of columns that the trainer knows{where}. {line}",
            "console-absent": "A column that is not there was asked for{where}. {line}",
            "console-no-match": "No column of the data is an argument of the model{where}. {line}",
            "console-no-labels": "The model was given no labels, so it returned no loss{where}. {line}",
            "console-batch": "The batch held nothing that the model or the tokenizer takes{where}. {line}",
            "console-type": "A column holds values of another type than texts{where}. {line}",
            "console-ragged": (
                "Rows of different length, or columns that are no numbers, came into one batch{where}. {line}"
            ),
            "console-files": "The data files have different columns{where}. {line}",
            "console-kind": "The rows are of another kind than the options ask for{where}. {line}",
            "console-split": "The data set has no such split{where}. {line}",
        },
        why="TRL reads columns by name: with others a run ends before its first step, or trains on something else than meant.",
        wrong_if="a template or a reward function of your own reads these columns and roles",
        causes={
            "mapping": "column_mapping names columns that this data set does not have.",
            "method": "The data set was made for another method, or keeps its columns under other names.",
            "file": "Some rows were written in another form than the rest.",
            "console-names": (
                "The columns have other names: SFT reads text, messages or prompt and completion; "
                "DPO and reward chosen and rejected; KTO prompt, completion and label; GRPO and RLOO "
                "prompt."
            ),
            "console-removed": "Columns were removed on the way (remove_unused_columns, a map with remove_columns).",
            "console-collator": (
                "A data collator that makes no labels, such as DataCollatorForSeq2Seq on rows without labels."
            ),
            "console-values": "Empty or missing values, numbers, or lists where a text is expected.",
            "console-mixed": "Files of different kinds were loaded as one data set.",
        },
        fixes={
            "map": "Name the columns in column_mapping",
            "convert": "Convert the file: it has the shape {shape}, and {converted} of {of} rows looked at can be converted "
            "(preflight --convert)",
            "rows": "Mend or leave out the rows shown, and look at how the file was written",
            "columns": "Write the file with the columns that the method reads",
            "console-rename": "Name the columns as the method asks (column_mapping, or dataset.rename_columns)",
            "console-keep": "Keep all columns of the data",
            "console-collator": "Leave out the data collator of your own: the trainer's makes the labels",
            "console-clean": "Filter rows whose value is empty or no text",
            "console-options": "Turn off the option that needs another kind of rows",
            "console-split": "Name a split that the data set has",
        },
        about="""Looks at the columns of both splits after column_mapping, and at every value in those that the method reads:
missing columns, empty values (null), values of the wrong kind, kinds that differ within a row. These end a run, and a worker
refuses them with the same sentence.

Then at what TRL takes and a chat template makes something else of: messages without content, roles that templates do not
know (ShareGPT's human and gpt), the user speaking twice in a row in more than 2 % of the conversations, a column that says
the same in every row.

Other shapes are known (Alpaca, ShareGPT, OpenAI's messages, pairs under other names, UltraFeedback, HH-RLHF, ratings): the
finding names the mapping, or says what a conversion does to each column.

What each method reads: docs/data.md. Seen in huggingface/trl#1267, axolotl#2415, ms-swift#1922.

After a crash, reads the console for the errors of TRL, transformers and datasets about columns: a KeyError whose key is a
column's name or that was raised while rows were read, `The model did not return a loss`, `No columns in the dataset match`.

Sources: huggingface/trl#1267, unslothai/unsloth#1102.""",
    ),
    "zh": Words(
        title="列与训练方法读取的不符",
        summary={
            "mapping-none": 'column_mapping：{given} 不是映射；应为 TRL 的列名对应你的列名：{{"prompt": "question"}}。',
            "mapping-missing": "column_mapping：{wanted}：{where} 没有列 '{column}'，只有 {columns}。",
            "mapping-missing-near": "column_mapping：{wanted}：{where} 没有列 '{column}'，只有 {columns}；是否想写 {near_zh}？",
            "mapping-twice": "column_mapping：列 '{column}' 出现了两次；每一列只能对应 TRL 的一个列名。",
            "mapping-taken": "column_mapping：{wanted}：{where} 已有同名的列；请把那一列也映射到别的名字。",
            "no-rows": "{where}：没有任何行。",
            "missing": "{where}：现有的列是 {columns}；{method} 读取 {shapes_zh}。",
            "missing-mapping": "{where}：现有的列是 {columns}；{method} 读取 {shapes_zh}。设 column_mapping={mapping} 即可。",
            "missing-alpaca": "{where}：现有的列是 {columns}；{method} 读取 {shapes_zh}。设 column_mapping={mapping} 即可（这是 "
            "Alpaca 格式；input 列不为空时要先并入 instruction）。",
            "missing-talk-prompts": "{where}：现有的列是 {columns}；{method} 读取 {shapes_zh}。{talk} 列是完整对话：去掉最后一个"
            "回答就是提示。",
            "missing-talk": "{where}：现有的列是 {columns}；{method} 读取 {shapes_zh}。{talk} 列是完整对话，SFT 可以读取。",
            "question-beside": "{where}：{method} 不会读取列 '{column}'；设 column_mapping={mapping} 可使其成为提示；如果回答里"
            "已经包含它，请删去该列。",
            "empty": "{where}：列 '{column}' 有 {count} 行为空（null）；每一行都应有值。",
            "value-text": "{where}，第 {row} 行：'{column}' 是 {value}；应为文本。",
            "value-either": "{where}，第 {row} 行：'{column}' 是 {value}；应为文本，或含 role 与 content 的消息列表。",
            "value-talk": "{where}，第 {row} 行：'{column}' 是 {value}；应为含 role 与 content 的消息列表。",
            "value-label": "{where}，第 {row} 行：'label' 是 {value}；应为 true 或 false。",
            "kinds-differ": "{where}，第 {row} 行：{kinds_zh}；应为同一种类型。",
            "kinds-mixed-talk": "{where}，第 {row} 行：'{column}' 是对话，而之前的行是文本；应为同一种类型。",
            "kinds-mixed-text": "{where}，第 {row} 行：'{column}' 是文本，而之前的行是对话；应为同一种类型。",
            "no-conversion": "{where}：现有的列是 {columns}，不是可以为 {method} 转换的已知格式。",
            "written-out": "{where}：{of} 行中有 {count} 行（最早在第 {row} 行）的 '{column}' 是写成文本的对话：训练会把括号和引号当作"
            "内容。",
            "none-inside": "{where}：{of} 个对话中有 {count} 个含有没有内容（null）的消息，最早在第 {row} 行；模板会写出 None 或报错。",
            "roles": "{where}：对话里有聊天模板不认识的角色 {roles}（{count} 条消息）。",
            "roles-renamed": "{where}：对话里的说话者叫 {roles}（{count} 条消息）；TRL 只改键名，而聊天模板只认 system、user 和 "
            "assistant。",
            "turns": "{where}：{of} 个对话中有 {count} 个出现用户连续说两次，最早在第 {row} 行。",
            "constant": "{where}：列 '{column}' 在全部 {count} 行里都相同。",
            "console-key": "数据行里没有 {what} 列{where}。{line}",
            "console-keys": "数据行的列不属于训练器认识的任何一种组合{where}。{line}",
            "console-absent": "要求的列不存在{where}。{line}",
            "console-no-match": "数据里没有任何一列是模型的输入{where}。{line}",
            "console-no-labels": "没有给模型标签，因此没有损失{where}。{line}",
            "console-batch": "批次里没有模型或分词器可用的内容{where}。{line}",
            "console-type": "某列的值不是文本{where}。{line}",
            "console-ragged": "不同长度的行或非数值的列进入了同一批{where}。{line}",
            "console-files": "各数据文件的列不同{where}。{line}",
            "console-kind": "数据行的类型与选项要求的不同{where}。{line}",
            "console-split": "数据集没有这个划分{where}。{line}",
        },
        why="TRL 按列名读取数据：列不对，训练在第一步之前就会中止，或者训练的并不是你想要的内容。",
        wrong_if="你自己的模板或奖励函数会读取这些列和角色",
        causes={
            "mapping": "column_mapping 写了这个数据集没有的列。",
            "method": "数据集是为别的方法准备的，或列名不同。",
            "file": "一部分行的写法与其余的不同。",
            "console-names": (
                "列名不同：SFT 读取 text、messages 或 prompt 与 completion；DPO 与奖励模型读取 chosen 与 rejected；KTO 读取"
                " prompt、completion 与 label；GRPO 与 RLOO 读取 prompt。"
            ),
            "console-removed": "列在途中被删除（remove_unused_columns，或带 remove_columns 的 map）。",
            "console-collator": "数据整理器没有生成标签，例如对没有标签的数据用 DataCollatorForSeq2Seq。",
            "console-values": "应为文本之处是空值、数字或列表。",
            "console-mixed": "不同类型的文件被当作一个数据集载入。",
        },
        fixes={
            "map": "在 column_mapping 里写明各列",
            "convert": "转换文件：格式是 {shape}，查看的 {of} 行可得到 {converted} 行（preflight --convert）",
            "rows": "修正或去掉所示的行，并检查文件是怎样写出来的",
            "columns": "按该方法读取的列重写文件",
            "console-rename": "按方法要求命名列（column_mapping 或 dataset.rename_columns）",
            "console-keep": "保留数据的所有列",
            "console-collator": "去掉自定义的数据整理器：训练器自带的会生成标签",
            "console-clean": "过滤值为空或不是文本的行",
            "console-options": "关闭需要另一种数据的选项",
            "console-split": "指定数据集实有的划分",
        },
        about="""查看两个数据划分在 column_mapping 之后的列，以及该方法所读各列的每一个值：缺列、空值（null）、类型不对、同一行里类型
不一。这些会使训练中止，训练进程也会用同一句话拒绝。

然后查看 TRL 会接受、但聊天模板会处理成别的内容的情况：没有内容的消息、模板不认识的角色（ShareGPT 的 human 和 gpt）、超过 2%
的对话里用户连续说两次、某一列在所有行里都相同。

能识别其他格式（Alpaca、ShareGPT、OpenAI 的 messages、列名不同的偏好对、UltraFeedback、HH-RLHF、评分）：结论会给出列映射，或说明
转换时每一列如何处理。

各方法读取哪些列：docs/zh/data.md。见 huggingface/trl#1267、axolotl#2415、ms-swift#1922。

崩溃之后，在控制台里查找 TRL、transformers 与 datasets 关于列的报错：键为列名、或在读取数据行时抛出的 KeyError，
`The model did not return a loss`，`No columns in the dataset match`。

来源：huggingface/trl#1267、unslothai/unsloth#1102。""",
    ),
}
