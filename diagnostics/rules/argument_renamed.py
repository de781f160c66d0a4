"""argument-renamed: an argument that the installed libraries call otherwise, or no longer take."""

from __future__ import annotations

import re
from typing import Any

from diagnostics.finding import Edit, Finding, Fix, Words
from diagnostics.postmortem.causes import Cause, cause_for, finding_of
from diagnostics.preflight.script import history
from diagnostics.run import Run

NAME = "argument-renamed"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

QUOTED = re.compile(r"--(\w+)")
# A config whose class is not named in a message about a parser of arguments.
CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig", "kto": "KTOConfig", "reward": "RewardConfig", "grpo": "GRPOConfig",
           "rloo": "RLOOConfig", "ppo": "PPOConfig"}  # fmt: skip


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


WORDS = {
    "en": Words(
        title="An argument has another name today",
        summary={
            "console-renamed": "{owner} takes no {name} (since {since}): it is {instead} today{where}. {line}",
            "console-gone": "{owner} takes no {name} any more (since {since}), and nothing took its place{where}. {line}",
            "console-newer": "{owner} does not know {name} yet: the installed library is older than the script{where}. {line}",
            "console-unknown": "{owner} takes no argument {name}{where}. {line}",
            "console-other": "{owner} was called in the way of another version{where}. {line}",
        },
        why="The call fails at once: the run ends before it has trained.",
        wrong_if="the function that refused is the user's own",
        causes={
            "script-older": "The script was written for another version of TRL or transformers than is installed.",
            "library-older": "The installed TRL or transformers is older than the script or the documentation that it follows.",
            "own-call": "An overridden method, or another library, calls it in a way that this version does not know.",
        },
        fixes={
            "console-edit": "Call it {instead}",
            "console-rename": "Write {instead} instead of {name}",
            "console-leave": "Leave {name} out",
            "console-upgrade": "Upgrade the library (pip install -U trl transformers), or use the examples of the installed "
            "version",
            "console-look": "Look up the arguments of {owner} in the documentation of the installed version; let own overrides "
            "take **kwargs",
        },
        about="""After a crash, reads the console for arguments that were refused, and names what they are called today, over all versions
of TRL from 0.7 to 1.16 and transformers 4.36 to 5.23.

Sources: huggingface/trl#2226, #2968, #6168, hiyouga/LLaMA-Factory#4114.""",
    ),
    "zh": Words(
        title="参数如今换了名字",
        summary={
            "console-renamed": "{owner} 不再接受 {name}（自 {since} 起）：现在是 {instead}{where}。{line}",
            "console-gone": "{owner} 不再接受 {name}（自 {since} 起），也没有替代{where}。{line}",
            "console-newer": "{owner} 还不认识 {name}：已安装的库比脚本旧{where}。{line}",
            "console-unknown": "{owner} 没有参数 {name}{where}。{line}",
            "console-other": "{owner} 是按另一个版本的方式调用的{where}。{line}",
        },
        why="调用立即失败：训练还没开始就结束。",
        wrong_if="拒绝参数的是用户自己的函数",
        causes={
            "script-older": "脚本是为另一个版本的 TRL 或 transformers 写的。",
            "library-older": "已安装的 TRL 或 transformers 比脚本或所参照的文档旧。",
            "own-call": "自己重写的方法或别的库以这个版本不认识的方式调用它。",
        },
        fixes={
            "console-edit": "改名为 {instead}",
            "console-rename": "把 {name} 写成 {instead}",
            "console-leave": "去掉 {name}",
            "console-upgrade": "升级库（pip install -U trl transformers），或使用已安装版本的示例",
            "console-look": "在已安装版本的文档里查 {owner} 的参数；自己重写的方法要接受 **kwargs",
        },
        about="""崩溃之后，在控制台里查找被拒绝的参数，并指出它如今的名字，覆盖 TRL 0.7 到 1.16 与 transformers 4.36 到 5.23。

来源：huggingface/trl#2226、#2968、#6168，hiyouga/LLaMA-Factory#4114。""",
    ),
}
