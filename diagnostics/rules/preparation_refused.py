"""preparation-refused: TRL's own preparation of the rows ends with an error, as training would."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, TextEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_prepared, short

NAME = "preparation-refused"
METHODS = None
EXPLAINS = ("run-died",)


def preflight(material: Material) -> Finding | None:
    """Hand on TRL's refusal; where another rule knows why, it explains this one."""
    prepared = need_prepared(material)
    if prepared.failed is None:
        return None
    lines = [prepared.failed]
    row = prepared.failed_row
    if row is not None and material.train is not None:
        place = next((at for at, number in enumerate(material.train.numbers) if int(number) == row), None)
        if place is not None:
            lines += [f"{name}: {short(value)}" for name, value in material.train.rows[place].items()]
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": "row" if row is not None else "all",
            "row": -1 if row is None else row,
            "sentence": prepared.failed,
        },
        evidence=(TextEvidence(material.train.where if material.train is not None else "TRL", tuple(lines)),),
        causes=("row", "columns") if row is not None else ("config", "columns"),
        fixes=(Fix("row" if row is not None else "read", "show", facts={"row": row}),),
    )


WORDS = {
    "en": Words(
        title="TRL cannot prepare the data",
        summary={
            "row": "At row {row} TRL's preparation ends with: {sentence}",
            "all": "TRL's preparation ends with: {sentence}",
        },
        why="Training would end with the same sentence before its first step.",
        wrong_if="the training program prepares its rows itself",
        causes={
            "row": "One row is of another shape than the others: a None, an empty list, another role.",
            "columns": "The columns are not what this method reads.",
            "config": "The arguments contradict each other, or the model's tokenizer.",
        },
        fixes={
            "row": "Mend or remove row {row}",
            "read": "Change what TRL's sentence names; its own words are exact where the config is at fault",
        },
        about="""Builds TRL's own trainer on a tiny stand-in with the model's tokenizer, and lets it prepare the rows. What it raises
is what training would raise. Where one row is at fault it is searched for by preparing fewer and fewer rows.

A finding that knows the cause (a missing chat template, wrong columns) stands in front of this one.""",
    ),
    "zh": Words(
        title="TRL 无法预处理数据",
        summary={
            "row": "TRL 的预处理在第 {row} 行出错：{sentence}",
            "all": "TRL 的预处理出错：{sentence}",
        },
        why="训练会在第一步之前以同样的报错结束。",
        wrong_if="训练程序自己预处理数据",
        causes={
            "row": "有一行的形式与其他行不同：None、空列表或别的角色。",
            "columns": "列不是该方法所读取的。",
            "config": "参数互相矛盾，或与模型的分词器矛盾。",
        },
        fixes={
            "row": "修正或删除第 {row} 行",
            "read": "按 TRL 的报错修改；若是配置的问题，它的原话就是准确的",
        },
        about="""用带有该模型分词器的微型替身构建 TRL 自己的训练器，让它预处理数据。它抛出的错误就是训练会抛出的错误。若问题出在
某一行，则通过预处理越来越少的行来定位。

知道原因的诊断（缺少对话模板、列不对）会排在它前面。""",
    ),
}
