"""api-removed: a class, function or module that the installed TRL or transformers no longer has."""

from __future__ import annotations

from typing import Any

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.script import history
from diagnostics.run import Run

NAME = "api-removed"
METHODS = None
EXPLAINS = ("argument-renamed", "run-died", "collective-timeout")

# The first version of TRL that had a name: an import of it that fails is of an older one.
YOUNG = {"GRPOTrainer": "0.14", "GRPOConfig": "0.14", "KTOTrainer": "0.8", "KTOConfig": "0.8", "DPOConfig": "0.9",
         "SFTConfig": "0.8.6", "RLOOTrainer": "0.9", "RLOOConfig": "0.9", "clone_chat_template": "0.19"}  # fmt: skip


def check(run: Run) -> Finding | None:
    """Look on the console for the name that was not there."""
    return by_console(run)


def by_console(run: Run) -> Finding | None:
    """The missing name by Python's message, and what became of it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    module = str(cause.facts.get("module", ""))
    name = str(cause.facts.get("name", "")) or module
    past = history.NAMES.get(name)
    if past is None and module.endswith("Trainer"):
        past = history.NAMES.get(module)
    kind = "console-absent"
    if past is not None:
        kind = "console-moved" if past.instead else "console-gone"
    elif name in YOUNG:
        kind = "console-newer"
    elif cause.kind == "method":
        kind = "console-method"
    facts: dict[str, Any] = {
        "kind": kind,
        "owner": module,
        "name": name,
        "instead": past.instead if past else "",
        "since": past.since if past else YOUNG.get(name, ""),
        "note": past.note if past else "",
    }
    fix = {"console-moved": "console-rename", "console-gone": "console-other-way", "console-newer": "console-upgrade"}
    return finding_of(
        run,
        cause,
        causes=("library-older",) if kind == "console-newer" else ("script-older", "library-older"),
        fixes=(Fix(fix.get(kind, "console-pin"), "show", (), facts),),
        facts=facts,
    )


WORDS = {
    "en": Words(
        title="A name is not in the installed library",
        summary={
            "console-moved": "{name} is {instead} today (since {since}){where}. {line}",
            "console-gone": "{name} is gone (since {since}), and nothing took its place{where}. {line}",
            "console-newer": "{name} came with {since}: the installed library is older{where}. {line}",
            "console-method": "{owner} has no {name} in the installed version{where}. {line}",
            "console-absent": "{owner} has no {name} in the installed version{where}. {line}",
        },
        why="The import or the call fails at once: the run ends before it has trained.",
        wrong_if="the name was never there, and is a slip of the pen",
        causes={
            "script-older": "The script was written for an older version of TRL or transformers than is installed.",
            "library-older": "The installed library is older than the script, or than another library that uses it.",
        },
        fixes={
            "console-rename": "Write {instead} instead of {name}",
            "console-other-way": "Do it in today's way, or install the version before {since}. {note}",
            "console-upgrade": "Upgrade TRL to {since} or newer",
            "console-pin": "Install the versions that the script was written for, or change it after the documentation of the "
            "installed ones",
        },
        about="""After a crash, reads the console for imports and attributes that TRL, transformers, accelerate, peft or datasets do not
have, and names what became of them, over TRL 0.7 to 1.16.

Sources: huggingface/trl#3250, #4009, #5449, volcengine/verl#5690.""",
    ),
    "zh": Words(
        title="已安装的库里没有这个名称",
        summary={
            "console-moved": "{name} 现在是 {instead}（自 {since} 起）{where}。{line}",
            "console-gone": "{name} 已被移除（自 {since} 起），也没有替代{where}。{line}",
            "console-newer": "{name} 从 {since} 起才有：已安装的库更旧{where}。{line}",
            "console-method": "已安装版本的 {owner} 没有 {name}{where}。{line}",
            "console-absent": "已安装版本的 {owner} 里没有 {name}{where}。{line}",
        },
        why="导入或调用立即失败：训练还没开始就结束。",
        wrong_if="这个名称从未存在，只是笔误",
        causes={
            "script-older": "脚本是为比已安装版本更旧的 TRL 或 transformers 写的。",
            "library-older": "已安装的库比脚本旧，或比使用它的另一个库旧。",
        },
        fixes={
            "console-rename": "把 {name} 写成 {instead}",
            "console-other-way": "按如今的方式实现，或安装 {since} 之前的版本。{note}",
            "console-upgrade": "把 TRL 升级到 {since} 或更新",
            "console-pin": "安装脚本所针对的版本，或按已安装版本的文档修改",
        },
        about="""崩溃之后，在控制台里查找 TRL、transformers、accelerate、peft 或 datasets 里没有的导入与属性，并指出其去向，覆盖 TRL 0.7
到 1.16。

来源：huggingface/trl#3250、#4009、#5449，volcengine/verl#5690。""",
    ),
}
