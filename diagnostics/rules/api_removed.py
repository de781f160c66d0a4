"""api-removed: a class, function or module that the installed TRL or transformers no longer has."""

from __future__ import annotations

from typing import Any

from diagnostics.finding import CannotJudge, Finding, Fix, TextEvidence, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.material import Material
from diagnostics.preflight.script import history
from diagnostics.run import Run

NAME = "api-removed"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

SHOWN = 12  # lines of a script as evidence


YOUNG = {
    "GRPOTrainer": "0.14",
    "GRPOConfig": "0.14",
    "KTOTrainer": "0.8",
    "KTOConfig": "0.8",
    "DPOConfig": "0.9",
    "SFTConfig": "0.8.6",
    "RLOOTrainer": "0.9",
    "RLOOConfig": "0.9",
    "clone_chat_template": "0.19",
}


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
    chosen = (
        "console-ppo" if kind == "console-gone" and past and past.note == history.PPO else fix.get(kind, "console-pin")
    )
    return finding_of(
        run,
        cause,
        causes=("library-older",) if kind == "console-newer" else ("script-older", "library-older"),
        fixes=(Fix(chosen, "show", (), facts),),
        facts=facts,
    )


def preflight(material: Material) -> Finding | None:
    """Look at the imports, names and calls of the script."""
    script = material.script
    if script is None:
        raise CannotJudge("no-script")
    changes = [one for one in script.changes if one.kind != "argument"]
    if not changes:
        return None
    grave = [one for one in changes if one.fatal]
    lost = [one for one in changes if not one.mended]
    # The one that a person has to see to is named first.
    first = next(iter([one for one in lost if one.fatal] or lost or grave or changes))
    lines = [
        f"line {one.line}: {one.what} ({one.owner}) -> {one.instead or 'gone'} (since {one.since})"
        + (f"; {one.note}" if one.note else "")
        for one in changes
    ]
    fixes = [Fix("modernise", "show", (), {"count": len(changes) - len(lost)})] if len(lost) < len(changes) else []
    if lost:
        names = ", ".join(dict.fromkeys(one.what for one in lost))
        fixes.append(Fix("hand", "show", (), {"names": names, "note": first.note or "see the lines below"}))
    evidence = [TextEvidence(str(script.path), tuple(lines[:SHOWN]))]
    if script.unread:
        evidence.append(TextEvidence(f"{script.path.name}: not read", script.unread[:SHOWN]))
    form = "import" if first.kind == "import" else "call"
    return Finding(
        rule=NAME,
        severity="error" if grave else "warning",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": f"script-{form}-{'moved' if first.instead else 'gone'}",
            "name": first.what,
            "owner": first.owner,
            "instead": first.instead,
            "since": first.since,
            "line": first.line,
            "count": len(changes),
            "era": script.era or "?",
        },
        evidence=tuple(evidence),
        causes=("older",),
        fixes=tuple(fixes),
    )


WORDS = {
    "en": Words(
        title="The script uses what the installed libraries no longer have",
        summary={
            "script-import-moved": "Line {line}: {name} is {instead} today (since {since}). {count} such place(s); the script "
            "looks written for: TRL {era}.",
            "script-import-gone": "Line {line}: {owner} has no {name} (since {since}), and nothing took its place. {count} such "
            "place(s); the script looks written for: TRL {era}.",
            "script-call-moved": "Line {line}: {name} ({owner}) is to be {instead} (since {since}). {count} such place(s); the "
            "script looks written for: TRL {era}.",
            "script-call-gone": "Line {line}: {name} ({owner}) does not work any more (since {since}). {count} such place(s); "
            "the script looks written for: TRL {era}.",
            "console-moved": ("{name} is {instead} today (since {since}){where}. {line}"),
            "console-gone": ("{name} is gone (since {since}), and nothing took its place{where}. {line}"),
            "console-newer": ("{name} came with {since}: the installed library is older{where}. {line}"),
            "console-method": ("{owner} has no {name} in the installed version{where}. {line}"),
            "console-absent": ("{owner} has no {name} in the installed version{where}. {line}"),
        },
        why="The import or the call fails at once, or does something else than the script means.",
        wrong_if="training runs with other versions of TRL and transformers than those installed here",
        causes={
            "older": "The script was written for another version of TRL or transformers.",
            "script-older": ("The script was written for an older version of TRL or transformers than is installed."),
            "library-older": ("The installed library is older than the script, or than another library that uses it."),
        },
        fixes={
            "modernise": "Take the rewritten script (preflight --modernise FILE): {count} place(s) are mended in it",
            "hand": "By hand: {names} ({note})",
            "console-rename": ("Write {instead} instead of {name}"),
            "console-ppo": "{note}",
            "console-other-way": ("Do it in today's way, or install the version before {since}. {note}"),
            "console-upgrade": ("Upgrade TRL to {since} or newer"),
            "console-pin": (
                "Install the versions that the script was written for, or change it after the documentation of the "
                "installed ones"
            ),
        },
        about="""Reads a script, never runs it: imports of TRL, transformers and peft, names taken from them, calls that are made
otherwise today, and reward functions that GRPO could not call.

The installed libraries are asked what they have. A table of TRL 0.7 to 1.16 names where things went; what has a successor
is rewritten, with everything else of the text left as it is. TRL has no PPO trainer since 1.13: a PPO script needs the
TRL that it was written for, or `python -m training start --method ppo`.

After a crash, reads the console for imports and attributes that TRL, transformers, accelerate, peft or datasets do not
have, and names what became of them, over TRL 0.7 to 1.16.

Sources: huggingface/trl#3250, #4009, #5449, volcengine/verl#5690.""",
    ),
    "zh": Words(
        title="脚本用到了已安装的库里不再有的东西",
        summary={
            "script-import-moved": "第 {line} 行：{name} 现在是 {instead}（自 {since} 起）。共 {count} 处；脚本似乎写于：TRL {era}。",
            "script-import-gone": "第 {line} 行：{owner} 里没有 {name}（自 {since} 起），也没有替代品。共 {count} 处；脚本似乎"
            "写于：TRL {era}。",
            "script-call-moved": "第 {line} 行：{name}（{owner}）应改为 {instead}（自 {since} 起）。共 {count} 处；脚本似乎写于："
            "TRL {era}。",
            "script-call-gone": "第 {line} 行：{name}（{owner}）已不可用（自 {since} 起）。共 {count} 处；脚本似乎写于：TRL {era}。",
            "console-moved": ("{name} 现在是 {instead}（自 {since} 起）{where}。{line}"),
            "console-gone": ("{name} 已被移除（自 {since} 起），也没有替代{where}。{line}"),
            "console-newer": ("{name} 从 {since} 起才有：已安装的库更旧{where}。{line}"),
            "console-method": ("已安装版本的 {owner} 没有 {name}{where}。{line}"),
            "console-absent": ("已安装版本的 {owner} 里没有 {name}{where}。{line}"),
        },
        why="导入或调用会立即失败，或者做的已不是脚本本来的意思。",
        wrong_if="实际训练所用的 TRL 和 transformers 版本与这里安装的不同",
        causes={
            "older": "脚本是为另一个版本的 TRL 或 transformers 写的。",
            "script-older": ("脚本是为比已安装版本更旧的 TRL 或 transformers 写的。"),
            "library-older": ("已安装的库比脚本旧，或比使用它的另一个库旧。"),
        },
        fixes={
            "modernise": "使用改写后的脚本（preflight --modernise FILE），其中已修正 {count} 处",
            "hand": "需要手动处理：{names}（说明见证据中的各行）",
            "console-rename": ("把 {name} 写成 {instead}"),
            "console-other-way": "按如今的方式实现，或安装 {since} 之前的版本。",
            "console-ppo": "TRL 自 1.13 起不再提供 PPO：用 `python -m training start --method ppo` 训练，或沿用 trl==0.11.4（PPO v1）"
            "或 trl<=1.12（PPO v2）",
            "console-upgrade": ("把 TRL 升级到 {since} 或更新"),
            "console-pin": ("安装脚本所针对的版本，或按已安装版本的文档修改"),
        },
        about="""脚本只读不运行：检查 TRL、transformers、peft 的导入，从中取用的名字，如今写法不同的调用，以及 GRPO 无法调用的
奖励函数。

已安装的库里有什么，直接向它们询问；各个名字的去向由一张覆盖 TRL 0.7 到 1.16 的表给出。有替代的就改写，其余文字原样
保留。TRL 自 1.13 起没有 PPO 训练器：PPO 脚本要么使用当年的 TRL，要么改用 `python -m training start --method ppo`。

崩溃之后，在控制台里查找 TRL、transformers、accelerate、peft 或 datasets 里没有的导入与属性，并指出其去向，覆盖 TRL 0.7
到 1.16。

来源：huggingface/trl#3250、#4009、#5449，volcengine/verl#5690。""",
    ),
}
