"""argument-renamed: an argument that the installed libraries call otherwise, or no longer take."""

from __future__ import annotations

import difflib
import re
from typing import Any

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, TextEvidence, Words
from diagnostics.postmortem.causes import Cause, cause_for, finding_of
from diagnostics.preflight.material import Material, ScriptChange
from diagnostics.preflight.script import history
from diagnostics.run import Run

NAME = "argument-renamed"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

SHOWN = 12  # lines of a script or config as evidence
CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "reward": "RewardConfig", "grpo": "GRPOConfig",
           "rloo": "RLOOConfig"}  # fmt: skip


QUOTED = re.compile(r"--(\w+)")


def check(run: Run) -> Finding | None:
    """Look on the console for the argument that was refused."""
    return by_console(run)


def by_console(run: Run) -> Finding | None:
    """The refused argument by the message of Python or of a parser of arguments, and what became of it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    owner, argument = names_of(run, cause)
    past = past_of(owner, argument)
    if past is None and cause.kind == "parser":
        # A command line does not say which config refused: the first that knows the old name tells what became of it.
        known = ((one, history.past_argument(one, argument)) for one in dict.fromkeys(CONFIGS.values()))
        owner, past = next(((one, later) for one, later in known if later is not None), (owner, None))
    kind = "console-other" if cause.kind in ("missing", "positional") else "console-unknown"
    if past is not None and cause.kind in ("unexpected", "parser"):
        kind = "console-renamed" if past.instead else "console-gone"
    elif argument in history.BORN or argument in successors():
        kind = "console-newer"
    facts: dict[str, Any] = {
        "kind": kind,
        "owner": owner,
        "name": argument,
        "instead": past.instead if past else "",
        "since": past.since if past else history.BORN.get(argument, ""),
        "note": past.note if past else "",
    }
    confidence = cause.confidence if kind != "console-unknown" else min(cause.confidence, 0.8)
    found = finding_of(run, cause, causes=causes_of(kind), fixes=console_fixes(run, facts), facts=facts)
    return Finding(**{**vars(found), "confidence": confidence})


def names_of(run: Run, cause: Cause) -> tuple[str, str]:
    """The class or function that refused, and the first argument that it did not take."""
    argument = str(cause.facts.get("argument", ""))
    if cause.kind == "parser":
        found = QUOTED.search(argument)
        return CONFIGS.get(run.method or "", "TrainingArguments"), found[1] if found else argument
    called = str(cause.facts.get("callable", "")).removesuffix(".__init__").removesuffix(".__new__")
    return called.rpartition(".")[2] or called, argument


def past_of(owner: str, argument: str) -> history.Past | None:
    """What became of an argument of a config or a trainer; where keyword arguments of a trainer moved to its config."""
    if owner.endswith("Trainer"):
        return history.past_trainer_argument(owner, argument) or moved(owner, argument)
    return history.past_argument(owner, argument)


def moved(owner: str, argument: str) -> history.Past | None:
    """An argument of a trainer that is a field of its config today."""
    config = owner.removesuffix("Trainer") + "Config"
    if argument in ("max_seq_length", "dataset_text_field", "packing", "dataset_num_proc", "neftune_noise_alpha", "beta",
                    "loss_type", "max_length", "max_prompt_length", "label_smoothing", "num_of_sequences", "eval_packing",
                    "dataset_kwargs", "precompute_ref_log_probs", "label_pad_token_id", "padding_value", "truncation_mode",
                    "generate_during_eval", "is_encoder_decoder", "disable_dropout", "model_init_kwargs",
                    "ref_model_init_kwargs", "reference_free", "sync_ref_model", "rpo_alpha"):  # fmt: skip
        later = history.past_argument(config, argument)
        name = later.instead if later and later.instead else argument
        return history.Past(history.MOVED, f"{config}({name}=...)")
    return None


def successors() -> frozenset[str]:
    """The names that took the place of others: a library that does not know one of them is older than the script."""
    return frozenset(
        past.instead
        for table in (*history.ARGUMENTS.values(), *history.TRAINERS.values(), history.TRAINING_ARGUMENTS)
        for past in table.values()
        if past.instead
    )


def causes_of(kind: str) -> tuple[str, ...]:
    """What is behind each kind of refusal."""
    return {"console-newer": ("library-older",), "console-other": ("script-older", "own-call")}.get(
        kind, ("script-older", "own-call") if kind == "console-unknown" else ("script-older",)
    )


def console_fixes(run: Run, facts: dict[str, Any]) -> tuple[Fix, ...]:
    """The new name as an edit where the run's config holds the old one, else in words."""
    name, instead = facts["name"], facts["instead"]
    found = []
    if facts["kind"] == "console-renamed" and name in run.config and str(instead).isidentifier():
        old = run.config[name]
        found.append(
            Fix("console-edit", "safe", (Edit(instead, None, old), Edit(name, old, None, removed=True)), facts)
        )
    elif facts["kind"] == "console-renamed":
        found.append(Fix("console-rename", "show", (), facts))
    elif facts["kind"] == "console-gone":
        found.append(Fix("console-leave", "show", (), facts))
    elif facts["kind"] == "console-newer":
        found.append(Fix("console-upgrade", "show", (), facts))
    else:
        found.append(Fix("console-look", "show", (), facts))
    return tuple(found)


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
    near = difflib.get_close_matches(first, material.usable, n=2)
    unknown_kind = "config-near" if near else "config-unknown"
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
            "kind": "config-renamed" if past and past.instead else "config-gone" if past else unknown_kind,
            "name": first,
            "instead": past.instead if past else None,
            "since": past.since if past else None,
            "count": len(unknown),
            "method": material.method or "",
            "near": " or ".join(near),
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
            "config-unknown": "{name}: {method} has no such argument; {count} such name(s) in the config.",
            "config-near": "{name}: {method} has no such argument; did you mean {near}? {count} such name(s) in the config.",
            "script-renamed": "Line {line}: {owner} takes no {name} (since {since}); it is {instead} today. {count} such "
            "place(s) in the script.",
            "script-gone": "Line {line}: {owner} takes no {name} (since {since}). {count} such place(s) in the script.",
            "console-renamed": ("{owner} takes no {name} (since {since}): it is {instead} today{where}. {line}"),
            "console-gone": (
                "{owner} takes no {name} any more (since {since}), and nothing took its place{where}. {line}"
            ),
            "console-newer": (
                "{owner} does not know {name} yet: the installed library is older than the script{where}. {line}"
            ),
            "console-unknown": ("{owner} takes no argument {name}{where}. {line}"),
            "console-other": ("{owner} was called in the way of another version{where}. {line}"),
        },
        why="An argument that is not known is a TypeError at once: training does not start.",
        wrong_if="training runs with other versions of TRL and transformers than those installed here",
        causes={
            "renamed": "The text was written for another version of TRL or transformers.",
            "typed": "A typing mistake, or an argument of another method.",
            "script-older": ("The script was written for another version of TRL or transformers than is installed."),
            "library-older": (
                "The installed TRL or transformers is older than the script or the documentation that it follows."
            ),
            "own-call": (
                "An overridden method, or another library, calls it in a way that this version does not know."
            ),
        },
        fixes={
            "rename": "Say the same in today's names: {names}",
            "hand": "By hand: {names}",
            "modernise": "Take the rewritten script (preflight --modernise FILE): {count} place(s) are mended in it",
            "console-edit": ("Call it {instead}"),
            "console-rename": ("Write {instead} instead of {name}"),
            "console-leave": ("Leave {name} out"),
            "console-upgrade": (
                "Upgrade the library (pip install -U trl transformers), or use the examples of the installed version"
            ),
            "console-look": (
                "Look up the arguments of {owner} in the documentation of the installed version; let own overrides "
                "take **kwargs"
            ),
        },
        about="""Compares every argument of a config, and of the calls in a script, with what the installed classes take.

The installed TRL and transformers are asked which names they know; a table of 31 TRL versions tells what became of the
others. What does the same under another name is renamed; what does nothing any more is left out; where a person has to
decide, that is said. A script is read and never run: arguments that come from a command line or another file are not
seen.

After a crash, reads the console for arguments that were refused, and names what they are called today, over all versions
of TRL from 0.7 to 1.16 and transformers 4.36 to 5.23.

Sources: huggingface/trl#2226, #2968, #6168, hiyouga/LLaMA-Factory#4114.""",
    ),
    "zh": Words(
        title="参数已改名或已移除",
        summary={
            "config-renamed": "{name} 现在叫 {instead}（自 {since} 起）；配置里共有 {count} 个这样的名字。",
            "config-gone": "{name} 已不再接受（自 {since} 起）；配置里共有 {count} 个这样的名字。",
            "config-unknown": "{name}：{method} 没有这个参数；配置里共有 {count} 个这样的名字。",
            "config-near": "{name}：{method} 没有这个参数；是否想写 {near}？配置里共有 {count} 个这样的名字。",
            "script-renamed": "第 {line} 行：{owner} 不接受 {name}（自 {since} 起），现在是 {instead}。脚本里共有 {count} 处。",
            "script-gone": "第 {line} 行：{owner} 不接受 {name}（自 {since} 起）。脚本里共有 {count} 处。",
            "console-renamed": ("{owner} 不再接受 {name}（自 {since} 起）：现在是 {instead}{where}。{line}"),
            "console-gone": ("{owner} 不再接受 {name}（自 {since} 起），也没有替代{where}。{line}"),
            "console-newer": ("{owner} 还不认识 {name}：已安装的库比脚本旧{where}。{line}"),
            "console-unknown": ("{owner} 没有参数 {name}{where}。{line}"),
            "console-other": ("{owner} 是按另一个版本的方式调用的{where}。{line}"),
        },
        why="不认识的参数会立即触发 TypeError，训练根本无法启动。",
        wrong_if="实际训练所用的 TRL 和 transformers 版本与这里安装的不同",
        causes={
            "renamed": "这段配置或脚本是为另一个版本的 TRL 或 transformers 写的。",
            "typed": "拼写错误，或是其他方法的参数。",
            "script-older": ("脚本是为另一个版本的 TRL 或 transformers 写的。"),
            "library-older": ("已安装的 TRL 或 transformers 比脚本或所参照的文档旧。"),
            "own-call": ("自己重写的方法或别的库以这个版本不认识的方式调用它。"),
        },
        fixes={
            "rename": "改用现在的名字：{names}",
            "hand": "需要手动处理：{names}",
            "modernise": "使用改写后的脚本（preflight --modernise FILE），其中已修正 {count} 处",
            "console-edit": ("改名为 {instead}"),
            "console-rename": ("把 {name} 写成 {instead}"),
            "console-leave": ("去掉 {name}"),
            "console-upgrade": ("升级库（pip install -U trl transformers），或使用已安装版本的示例"),
            "console-look": ("在已安装版本的文档里查 {owner} 的参数；自己重写的方法要接受 **kwargs"),
        },
        about="""把配置里的每个参数、脚本里每次调用的参数，与已安装的类实际接受的参数相比较。

哪些名字有效，直接询问已安装的 TRL 和 transformers；其余名字的去向由一张覆盖 31 个 TRL 版本的表给出。换了名字的就改名，
已经不起作用的就去掉，需要人来决定的就如实说明。脚本只读不运行：来自命令行或其他文件的参数看不到。

崩溃之后，在控制台里查找被拒绝的参数，并指出它如今的名字，覆盖 TRL 0.7 到 1.16 与 transformers 4.36 到 5.23。

来源：huggingface/trl#2226、#2968、#6168，hiyouga/LLaMA-Factory#4114。""",
    ),
}
