"""Reads the calls of trainers, configs and `from_pretrained`: arguments that were renamed, moved to the config, or dropped."""

from __future__ import annotations

import ast

from diagnostics.preflight.script import history
from diagnostics.preflight.script.collator import read_collator, read_formatting
from diagnostics.preflight.script.history import Past
from diagnostics.preflight.script.names import own_attribute
from diagnostics.preflight.script.rewards import read_rewards
from diagnostics.preflight.script.source import Argument, Holder
from diagnostics.preflight.script.survey import Survey

# Trainers of transformers: they take TrainingArguments.
PLAIN = {"Trainer": "TrainingArguments", "Seq2SeqTrainer": "Seq2SeqTrainingArguments"}
PLAIN_CONFIGS = ("TrainingArguments", "Seq2SeqTrainingArguments")
METHODS = {"SFTTrainer": "sft", "DPOTrainer": "dpo", "KTOTrainer": "kto", "RewardTrainer": "reward", "GRPOTrainer": "grpo",
           "RLOOTrainer": "rloo", "PPOTrainer": "ppo", "PPOv2Trainer": "ppo"}  # fmt: skip
# What TRL's function of this name returned where there is an accelerator; without one nothing can be quantised.
KBIT, KBIT_TEXT = "get_kbit_device_map", '{{"": {}().local_process_index}}'
TOKENIZED = "input_ids_chosen"
DEFAULTS = (
    "{config} has defaults of its own where nothing is said: bf16 on, gradient checkpointing on, learning rate {rate}"
)
RATES = {"SFTConfig": "2e-5", "DPOConfig": "1e-6", "KTOConfig": "1e-6", "RewardConfig": "1e-4", "GRPOConfig": "1e-6"}


def read_calls(survey: Survey) -> None:
    """Judge every call: the trainers first, since they tell what their config has to be."""
    calls = sorted(
        (node for node in ast.walk(survey.source.tree) if isinstance(node, ast.Call)),
        key=lambda node: (node.lineno, node.col_offset),
    )
    for call in calls:
        owner = survey.names.class_of(call.func)
        if owner in METHODS:
            survey.methods.append(METHODS[owner])
        if owner and owner.endswith("Trainer") and owner in survey.known.classes:
            read_trainer(survey, call, owner)
    for call in calls:
        owner = survey.names.class_of(call.func)
        if owner and is_config(survey, owner):
            read_config(survey, call, owner)
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained":
            read_pretrained(survey, call)
        elif owner == KBIT and not survey.known.has("trl", KBIT):
            survey.edits.replace(survey.source.span(call), KBIT_TEXT.format(survey.want("accelerate", "PartialState")))
    read_variables(survey)
    read_tokenized(survey)


def read_tokenized(survey: Survey) -> None:
    """Pairs that the script tokenizes itself, as RewardTrainer needed it before 0.24 and DPOTrainer at first."""
    if not set(survey.methods) & {"reward", "dpo"}:
        return
    keys = [node for node in ast.walk(survey.source.tree) if isinstance(node, ast.Constant) and node.value == TOKENIZED]
    if keys:
        survey.change("call", keys[0].lineno, TOKENIZED, "the rows", "texts: chosen and rejected", "0.24",
                      "the trainer tokenizes rows of chosen and rejected itself, and reads no tokens", False)  # fmt: skip


def config_for(survey: Survey, trainer: str) -> str | None:
    """The config class of a trainer."""
    name = PLAIN.get(trainer, trainer.removesuffix("Trainer") + "Config")
    return name if name in survey.known.classes else None


def spread(survey: Survey, call: ast.Call, owner: str) -> tuple[list[Holder], bool]:
    """The dict literals whose entries a call takes by `**`; and whether one of them cannot be followed."""
    found, lost = [], False
    for word in call.keywords:
        if word.arg is not None:
            continue
        value = survey.names.value(word.value)
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id == "dict"
            and not value.args
        ):
            holder = survey.edits.holder(value)
        else:
            holder = survey.edits.holder(value) if isinstance(value, ast.Dict) and all(value.keys) else None
        if holder is None:
            lost = True
            survey.cannot_tell(
                word.value.lineno,
                f"arguments of {owner} come from {survey.source.segment(word.value)}, which is no literal here; not read.",
            )
        else:
            found.append(holder)
    return found, lost


def read_trainer(survey: Survey, call: ast.Call, trainer: str) -> None:
    """Judge one call of a trainer, and find out what its config has to be."""
    own_further = survey.names.own_arguments(call.func)
    holder = survey.edits.holder(call)
    if holder is None or own_further is None:
        survey.cannot_tell(
            call.lineno, f"{survey.source.segment(call.func)} takes its arguments in a way of its own; not read."
        )
        return
    more, lost = spread(survey, call, trainer)
    config = config_for(survey, trainer)
    takes = survey.known.classes[trainer] | own_further
    args = config_argument(survey, call, [holder, *more])
    if config and trainer not in PLAIN:
        aim(survey, args, config)
    read_reference(survey, call, trainer, holder)
    read_formatting(survey, call, trainer, holder)
    read_collator(survey, call, trainer, holder)
    read_rewards(survey, call, trainer, holder)
    for one in (holder, *more):
        for name, argument in one.arguments.items():
            if name in takes or argument.place in one.removed:
                continue
            trainer_argument(survey, call, trainer, config, (one, argument), args, lost)
    if trainer in ("DPOTrainer", "KTOTrainer") and len(call.args) > 3:
        survey.cannot_tell(
            call.lineno, f"the order of {trainer}'s arguments changed; those without a name were not read."
        )


def read_reference(survey: Survey, call: ast.Call, trainer: str, holder: Holder) -> None:
    """One model given as the trained one and as its reference: it would move with the training, and is refused."""
    if trainer not in ("DPOTrainer", "KTOTrainer"):
        return
    given = dict(zip(("model", "ref_model"), call.args, strict=False)) | {
        name: argument.value for name, argument in holder.arguments.items()
    }
    model, reference = given.get("model"), given.get("ref_model")
    if isinstance(model, ast.Name) and isinstance(reference, ast.Name) and model.id == reference.id:
        survey.change("call", reference.lineno, f"ref_model is {model.id}", trainer, "left out", "0.9",
                      "without a ref_model the trainer keeps a copy of the model as it was")  # fmt: skip
        if "ref_model" in holder.arguments:
            holder.remove(holder.arguments["ref_model"])
        else:
            survey.edits.replace(survey.source.span(reference), "None")


def config_argument(survey: Survey, call: ast.Call, holders: list[Holder]) -> ast.expr | None:
    """What a trainer is given as its config."""
    for one in holders:
        if "args" in one.arguments:
            return one.arguments["args"].value
    for value in call.args:
        found = survey.names.value(value)
        if isinstance(found, ast.Call) and str(survey.names.class_of(found.func)).endswith(("Config", "Arguments")):
            return value
        if isinstance(value, ast.Name) and value.id in survey.names.parsed:
            return value
    return None


def aim(survey: Survey, args: ast.expr | None, config: str) -> None:
    """Give a trainer of TRL the config class of its method where it has plain TrainingArguments."""
    note = DEFAULTS.format(config=config, rate=RATES.get(config, "1e-6"))
    trainer = config.removesuffix("Config") + "Trainer"  # SFTTrainer alone still turns plain arguments into its own
    parsed = survey.names.parsed.get(args.id) if isinstance(args, ast.Name) else None
    if parsed is not None and survey.names.class_of(parsed) in PLAIN_CONFIGS and not own_class(survey, parsed):
        survey.change("call", parsed.lineno, "TrainingArguments", trainer, config, "0.13", note, config != "SFTConfig")
        survey.edits.replace(survey.source.span(parsed), survey.want("trl", config))
        return
    made = survey.names.value(args)
    if not isinstance(made, ast.Call) or survey.names.class_of(made.func) not in PLAIN_CONFIGS:
        return
    if own_class(survey, made.func):
        survey.cannot_tell(
            made.lineno, f"{survey.source.segment(made.func)} should be made from {config}; not rewritten."
        )
        return
    survey.targets[made] = config
    survey.change("call", made.lineno, "TrainingArguments", trainer, config, "0.13", note, config != "SFTConfig")
    survey.edits.replace(survey.source.span(made.func), survey.want("trl", config))


def own_class(survey: Survey, node: ast.expr) -> bool:
    """Whether an expression names a class of the script."""
    return isinstance(node, ast.Name) and node.id in survey.names.classes


def trainer_argument(
    survey: Survey,
    call: ast.Call,
    trainer: str,
    config: str | None,
    at: tuple[Holder, Argument],
    args: ast.expr | None,
    lost: bool,
) -> None:
    """An argument that the trainer does not take: renamed, moved to the config, or gone."""
    holder, argument = at
    past = history.past_trainer_argument(trainer, argument.name)
    if past is not None:
        survey.change("argument", argument.line, argument.name, trainer, past.instead, past.since, past.note)
        if past.form == "same" and past.instead:
            if past.instead in holder.arguments:
                holder.remove(argument)
            else:
                survey.edits.rename(argument, past.instead)
        return
    fields = survey.known.classes.get(config or "", frozenset())
    gone = history.past_argument(config or "", argument.name)
    if argument.name not in fields and gone is None:
        survey.change("argument", argument.line, argument.name, trainer, None, "an unknown version", "it is not known")
        return
    new = gone.instead if gone and gone.instead else argument.name
    known = new in fields
    survey.change(
        "argument", argument.line, argument.name, trainer, f"{config}({new}=...)" if known else None,
        gone.since if gone and not known else history.MOVED, gone.note if gone else "",
    )  # fmt: skip
    if (lost and args is None) or (gone and gone.form in ("hand", "rpo") and not harmless(argument.value)):
        return
    entries = (
        converted(survey, gone, argument, sibling_of(survey, args)) if gone else {new: text_of(survey, argument.value)}
    )
    if entries is None:
        return
    holder.remove(argument)
    if config:
        deliver(survey, call, config, args, entries, argument.value, holder)


def harmless(value: ast.expr) -> bool:
    """A value that asked for nothing."""
    return isinstance(value, ast.Constant) and value.value in (None, False)


def text_of(survey: Survey, value: ast.expr) -> str:
    """The text of a value."""
    return survey.source.segment(value)


def sibling_of(survey: Survey, args: ast.expr | None) -> Holder | None:
    """The holder of the config that a trainer is given, if it is written out."""
    made = survey.names.value(args)
    return survey.edits.holder(made) if isinstance(made, ast.Call) else None


def converted(survey: Survey, past: Past, argument: Argument, beside: Holder | None) -> dict[str, str] | None:
    """What an old argument is written as today: no entry where it goes; None where a person has to decide."""
    value, text = argument.value, text_of(survey, argument.value)
    if past.form == "drop":
        return {}
    if past.form == "hand":
        return {} if harmless(value) else None
    if past.form == "same" and past.instead:
        return {past.instead: text}
    if past.form == "flag" and past.instead:
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            return {past.instead: past.text} if value.value else {}
        return None
    if past.form == "rpo":
        if harmless(value):
            return {}
        loss = beside.arguments.get("loss_type") if beside else None
        if loss is not None and isinstance(loss.value, ast.List | ast.Tuple):
            return None
        first = text_of(survey, loss.value) if loss is not None else '"sigmoid"'
        return {"loss_type": f'[{first}, "sft"]', "loss_weights": f"[1.0, {text}]"}
    return None


def deliver(
    survey: Survey,
    call: ast.Call,
    config: str,
    args: ast.expr | None,
    entries: dict[str, str],
    value: ast.expr,
    holder: Holder,
) -> None:
    """Write arguments that left the trainer into its config: into its call, or by assignments before the trainer's."""
    made = survey.names.value(args)
    if args is None:
        if entries:
            inner = ", ".join(f"{name}={text}" for name, text in entries.items())
            own = holder.added.get("args", "")
            if own:
                inner = f"{own[own.index('(') + 1 : -1]}, {inner}"
            holder.add("args", f"{survey.want('trl', config)}({inner})")
        return
    target = survey.edits.holder(made) if isinstance(made, ast.Call) else None
    if target is not None and movable(survey, value, made):
        for name, text in entries.items():
            there = target.arguments.get(name)
            if there is None:
                target.add(name, text)
            elif name == "loss_type":
                survey.edits.replace(survey.source.span(there.value), text)
        return
    statement = survey.source.statement(call)
    start = survey.source.span(statement)[0]
    indent = survey.source.text[survey.source.line_of(start)[0] : start]
    given = survey.source.segment(args)
    if not (isinstance(args, ast.Name) or own_attribute(args)) or indent.strip():
        survey.cannot_tell(call.lineno, f"{', '.join(entries)} could not be written into the config; write it by hand.")
        return
    rows = [
        f"{given}.{name} = {as_assigned(name, text)}" for name, text in entries.items() if text != f"{given}.{name}"
    ]
    if rows:
        survey.edits.replace((start, start), "".join(f"{row}\n{indent}" for row in rows))


def as_assigned(name: str, text: str) -> str:
    """A value as the config holds it after it was made."""
    return f"[{text}]" if name == "loss_type" and not text.startswith("[") else text


def movable(survey: Survey, value: ast.expr, target: ast.expr | None) -> bool:
    """Whether all that a value is made of is there where the config is made."""
    if target is None:
        return False
    here, there = survey.source.scope(value), survey.source.scope(target)
    at = getattr(target, "lineno", 0)
    for node in ast.walk(value):
        if not isinstance(node, ast.Name):
            continue
        made = survey.names.bindings(node)
        if not made:  # imported, a function, or built in
            continue
        scope = made[0].scope
        if here is not there and scope is not survey.source.tree:
            return False
        if scope is there and any(one.line >= at for one in made):
            return False
    return True


def read_config(survey: Survey, call: ast.Call, owner: str) -> None:
    """Judge one call of a config class."""
    target = survey.targets.get(call, owner)
    holder = survey.edits.holder(call)
    further = survey.names.own_arguments(call.func)
    if holder is None or further is None:
        return
    more, _ = spread(survey, call, target)
    takes = survey.known.classes[target] | further
    for one in (holder, *more):
        for name, argument in one.arguments.items():
            if name not in takes:
                config_entry(survey, target, one, argument, holder)
    read_server(survey, target, [holder, *more])


def read_server(survey: Survey, owner: str, holders: list[Holder]) -> None:
    """A vLLM server that is named where vLLM now starts inside the training unless a server is asked for."""
    names = {name: argument for one in holders for name, argument in one.arguments.items()}
    server = next((argument for name, argument in names.items() if name in history.VLLM_SERVER), None)
    if owner not in ("GRPOConfig", "RLOOConfig") or server is None or "vllm_mode" in names or "use_vllm" not in names:
        return
    survey.change("argument", server.line, server.name, owner, 'vllm_mode="server"', "1.0",
                  "vLLM runs inside the training unless vllm_mode says server", False)  # fmt: skip
    holders[0].add("vllm_mode", '"server"')


def config_entry(survey: Survey, owner: str, holder: Holder, argument: Argument, whole: Holder) -> None:
    """An argument that a config class does not take."""
    past = history.past_argument(owner, argument.name)
    if past is None:
        survey.change("argument", argument.line, argument.name, owner, None, "an unknown version", "it is not known")
        return
    entries = converted(survey, past, argument, whole)
    note = past.note
    if argument.name == "warmup_ratio" and "warmup_steps" in whole.arguments:
        steps = whole.arguments["warmup_steps"]
        if isinstance(steps.value, ast.Constant) and not steps.value.value:
            whole.remove(steps)
        else:  # warmup_steps went before warmup_ratio where both were given
            entries, note = {}, "warmup_steps is given too, and went before it"
    survey.change("argument", argument.line, argument.name, owner, past.instead, past.since, note)
    if entries is None:
        return
    if list(entries.values()) == [text_of(survey, argument.value)] and past.instead not in holder.arguments:
        survey.edits.rename(argument, str(past.instead))
        return
    if argument.name == "warmup_ratio" and entries and "warmup_steps" in whole.arguments:
        survey.edits.rename(argument, "warmup_steps")
        return
    holder.remove(argument)
    for name, text in entries.items():
        there = holder.arguments.get(name)
        if there is None:
            holder.add(name, text)
        elif name == "loss_type":
            survey.edits.replace(survey.source.span(there.value), text)


def read_pretrained(survey: Survey, call: ast.Call) -> None:
    """Judge one `from_pretrained`: arguments that transformers 5 hands to the model, which refuses them."""
    owner = survey.names.class_of(call.func.value) if isinstance(call.func, ast.Attribute) else None
    if owner is None or not survey.known.versions.get("transformers", "").startswith("5"):
        return
    holder = survey.edits.holder(call)
    if holder is None:
        return
    more, _ = spread(survey, call, f"{owner}.from_pretrained")
    for one in (holder, *more):
        for name, past in history.PRETRAINED.items():
            argument = one.arguments.get(name)
            if argument is None or (not owner.startswith("AutoModel") and name != "use_auth_token"):
                continue
            survey.change(
                "argument", argument.line, name, f"{owner}.from_pretrained", past.instead, past.since, past.note
            )
            pretrained_argument(survey, holder, one, argument, past)


def pretrained_argument(survey: Survey, whole: Holder, holder: Holder, argument: Argument, past: Past) -> None:
    """Write one argument of `from_pretrained` as it is today."""
    text = text_of(survey, argument.value)
    if past.form == "quantize":
        holder.remove(argument)
        if "quantization_config" not in whole.arguments and not harmless(argument.value):
            bits = survey.want("transformers", "BitsAndBytesConfig")
            holder.add("quantization_config", f"{bits}({argument.name}={text})")
    elif past.form == "flag":
        holder.remove(argument)
        if not harmless(argument.value) and past.instead and past.instead not in whole.arguments:
            holder.add(past.instead, flag_text(survey, argument, past))
    elif past.instead and past.instead in whole.arguments:
        holder.remove(argument)
    elif past.instead:
        survey.edits.rename(argument, past.instead)


def is_config(survey: Survey, owner: str) -> bool:
    """Whether a class holds arguments."""
    return owner in survey.known.classes and owner.endswith(("Config", "Arguments"))


def flag_text(survey: Survey, argument: Argument, past: Past) -> str:
    """What a switch is written as under its new name; a switch of TRL's ModelConfig is a name there too."""
    value = argument.value
    if isinstance(value, ast.Constant):
        return past.text
    if isinstance(value, ast.Attribute) and value.attr == argument.name and owner_of(survey, value.value):
        return f"{text_of(survey, value.value)}.{past.instead}"
    return f"{past.text} if {text_of(survey, value)} else None"


def owner_of(survey: Survey, node: ast.expr) -> str | None:
    """The config class of a variable; None for a class of the script, which may have further names."""
    made = survey.names.value(node)
    named = made.func if isinstance(made, ast.Call) else None
    if named is None and isinstance(node, ast.Name):
        named = survey.names.parsed.get(node.id)
    if named is None or own_class(survey, named):
        return None
    owner = survey.targets.get(made, survey.names.class_of(named)) if made else survey.names.class_of(named)
    return owner if owner is not None and is_config(survey, owner) else None


def read_variables(survey: Survey) -> None:
    """`args.max_seq_length`: attributes of a config that it no longer has."""
    for node in ast.walk(survey.source.tree):
        owner = owner_of(survey, node.value) if isinstance(node, ast.Attribute) else None
        if not isinstance(node, ast.Attribute) or owner is None:
            continue
        past = history.past_argument(owner, node.attr)
        if past is None or node.attr in survey.known.classes[owner]:
            continue
        survey.change("name", node.lineno, node.attr, owner, past.instead, past.since, past.note)
        if past.form == "same" and past.instead:
            end = survey.source.span(node)[1]
            survey.edits.replace((end - len(node.attr), end), past.instead)
