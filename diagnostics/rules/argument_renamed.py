"""argument-renamed: an argument that the installed libraries call otherwise, or no longer take."""

from __future__ import annotations

import difflib
from typing import Any

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, TextEvidence, Words
from diagnostics.preflight.material import Material, ScriptChange
from diagnostics.preflight.script import history

NAME = "argument-renamed"
METHODS = None
EXPLAINS = ("run-died",)

SHOWN = 12  # lines of a script or config as evidence
CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "reward": "RewardConfig", "grpo": "GRPOConfig",
           "rloo": "RLOOConfig"}  # fmt: skip


def preflight(material: Material) -> Finding | None:
    """Look at the config's names, then at the arguments of the script's calls."""
    script = [one for one in material.script.changes if one.kind == "argument"] if material.script else []
    if material.script is None and not (material.asked.config and material.usable):
        raise CannotJudge("no-script")
    unknown = [name for name in material.asked.config if name not in material.usable] if material.usable else []
    if unknown:
        return of_config(material, unknown, script)
    return of_script(material, script) if script else None


def of_config(material: Material, unknown: list[str], script: list[ScriptChange]) -> Finding:
    """The finding of a config: each old name with its new one; of a name that nobody knew, the nearest."""
    owner = CONFIGS.get(material.method or "", "TrainingArguments")
    lines, edits, hands = [], [], []
    for name in unknown:
        past = history.past_argument(owner, name) or history.past_argument("ModelConfig", name)
        made = mended(material, name, past)
        if past is None:
            near = difflib.get_close_matches(name, material.usable, n=1)
            lines.append(f"{name}: nothing is called so" + (f"; near is {near[0]}" if near else ""))
            hands.append(name)
        else:
            lines.append(
                f"{name}: {past.instead or 'gone'} (since {past.since})" + (f"; {past.note}" if past.note else "")
            )
            if made is None:
                hands.append(name)
            else:
                edits += made
    known = [name for name in unknown if name not in hands]
    first = (known or unknown)[0]
    past = history.past_argument(owner, first) or history.past_argument("ModelConfig", first)
    fixes = [Fix("rename", "safe", tuple(edits), {"names": ", ".join(known)})] if edits else []
    if hands:
        fixes.append(Fix("hand", "show", (), {"names": ", ".join(hands)}))
    evidence = [TextEvidence("config", tuple(lines[:SHOWN]))]
    if script and material.script:
        evidence.append(script_lines(material, script))
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": "config-renamed" if past and past.instead else "config-gone" if past else "config-unknown",
            "name": first,
            "instead": past.instead if past else None,
            "since": past.since if past else None,
            "count": len(unknown),
            "method": (material.method or "").upper(),
        },
        evidence=tuple(evidence),
        causes=("renamed",) if past else ("typed",),
        fixes=tuple(fixes),
    )


def mended(material: Material, name: str, past: history.Past | None) -> list[Edit] | None:
    """The edits that say the same today; None where a person has to decide."""
    config = material.asked.config
    old: Any = config[name]
    out = Edit(name, old, None, removed=True)
    if past is None or (past.form == "hand" and old not in (None, False)):
        return None
    if past.form in ("drop", "hand") or (past.form in ("rpo", "flag") and not old):
        return [out]
    if past.form == "rpo":
        losses = config.get("loss_type", "sigmoid")
        losses = [losses] if isinstance(losses, str) else list(losses)
        if len(losses) != 1:
            return None
        return [
            out,
            Edit("loss_type", config.get("loss_type"), [*losses, "sft"]),
            Edit("loss_weights", None, [1.0, old]),
        ]
    new: Any = {"train_sampling_strategy": "group_by_length", "optim": "adafactor", "include_for_metrics": ["inputs"]}.get(
        past.instead or ""
    ) if past.form == "flag" else old  # fmt: skip
    if past.instead not in material.usable:
        return [out]
    # Of two that mean the same the present name decides, but for a warm-up that is said to be 0 steps.
    if past.instead in config and config[past.instead] not in (None, 0):
        return [out]
    return [out, Edit(str(past.instead), config.get(str(past.instead)), new)]


def of_script(material: Material, changes: list[ScriptChange]) -> Finding:
    """The finding of a script."""
    first = changes[0]
    lost = [one for one in changes if not one.mended]
    fixes = [Fix("modernise", "show", (), {"count": len(changes) - len(lost)})] if len(lost) < len(changes) else []
    if lost:
        fixes.append(Fix("hand", "show", (), {"names": ", ".join(dict.fromkeys(one.what for one in lost))}))
    return Finding(
        rule=NAME,
        severity="error" if any(one.fatal for one in changes) else "warning",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={
            "kind": "script-renamed" if first.instead else "script-gone",
            "name": first.what,
            "instead": first.instead,
            "since": first.since,
            "owner": first.owner,
            "line": first.line,
            "count": len(changes),
        },
        evidence=(script_lines(material, changes),),
        causes=("renamed",),
        fixes=tuple(fixes),
    )


def script_lines(material: Material, changes: list[ScriptChange]) -> TextEvidence:
    """The places of a script, a line each."""
    assert material.script is not None
    lines = [
        f"line {one.line}: {one.owner}: {one.what} -> {one.instead or 'gone'} (since {one.since})"
        + (f"; {one.note}" if one.note else "")
        for one in changes
    ]
    return TextEvidence(str(material.script.path), tuple(lines[:SHOWN]))


WORDS = {
    "en": Words(
        title="An argument has another name, or is gone",
        summary={
            "config-renamed": "{name} is called {instead} today (since {since}); {count} such name(s) in the config.",
            "config-gone": "{name} is not taken any more (since {since}); {count} such name(s) in the config.",
            "config-unknown": "{method} has no argument {name}; {count} such name(s) in the config.",
            "script-renamed": "Line {line}: {owner} takes no {name} (since {since}); it is {instead} today. {count} such "
            "place(s) in the script.",
            "script-gone": "Line {line}: {owner} takes no {name} (since {since}). {count} such place(s) in the script.",
        },
        why="An argument that is not known is a TypeError at once: training does not start.",
        wrong_if="training runs with other versions of TRL and transformers than those installed here",
        causes={
            "renamed": "The text was written for another version of TRL or transformers.",
            "typed": "A typing mistake, or an argument of another method.",
        },
        fixes={
            "rename": "Say the same in today's names: {names}",
            "hand": "By hand: {names}",
            "modernise": "Take the rewritten script (preflight --modernise FILE): {count} place(s) are mended in it",
        },
        about="""Compares every argument of a config, and of the calls in a script, with what the installed classes take.

The installed TRL and transformers are asked which names they know; a table of 31 TRL versions tells what became of the
others. What does the same under another name is renamed; what does nothing any more is left out; where a person has to
decide, that is said. A script is read and never run: arguments that come from a command line or another file are not
seen.""",
    ),
    "zh": Words(
        title="参数已改名或已移除",
        summary={
            "config-renamed": "{name} 现在叫 {instead}（自 {since} 起）；配置里共有 {count} 个这样的名字。",
            "config-gone": "{name} 已不再接受（自 {since} 起）；配置里共有 {count} 个这样的名字。",
            "config-unknown": "{method} 没有参数 {name}；配置里共有 {count} 个这样的名字。",
            "script-renamed": "第 {line} 行：{owner} 不接受 {name}（自 {since} 起），现在是 {instead}。脚本里共有 {count} 处。",
            "script-gone": "第 {line} 行：{owner} 不接受 {name}（自 {since} 起）。脚本里共有 {count} 处。",
        },
        why="不认识的参数会立即触发 TypeError，训练根本无法启动。",
        wrong_if="实际训练所用的 TRL 和 transformers 版本与这里安装的不同",
        causes={
            "renamed": "这段配置或脚本是为另一个版本的 TRL 或 transformers 写的。",
            "typed": "拼写错误，或是其他方法的参数。",
        },
        fixes={
            "rename": "改用现在的名字：{names}",
            "hand": "需要手动处理：{names}",
            "modernise": "使用改写后的脚本（preflight --modernise FILE），其中已修正 {count} 处",
        },
        about="""把配置里的每个参数、脚本里每次调用的参数，与已安装的类实际接受的参数相比较。

哪些名字有效，直接询问已安装的 TRL 和 transformers；其余名字的去向由一张覆盖 31 个 TRL 版本的表给出。换了名字的就改名，
已经不起作用的就去掉，需要人来决定的就如实说明。脚本只读不运行：来自命令行或其他文件的参数看不到。""",
    ),
}
