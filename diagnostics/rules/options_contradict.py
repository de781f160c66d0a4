"""options-contradict: two options of the config exclude each other, or one of them does nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostics.finding import Edit, Finding, Fix, TextEvidence, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material
from diagnostics.preflight.own_arguments import PPO_OTHER_NAMES
from diagnostics.run import Run

NAME = "options-contradict"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is not refused by the config class or the trainer: every other contradiction is a ValueError before the first step.
MILDER = {"server-unused": "warning", "adapter-unused": "warning", "steps-and-epochs": "info"}
LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "lora_target_parameters", "lora_modules_to_save",
        "use_rslora", "use_dora")  # fmt: skip
DIVERGENCE_LOSSES = {"sigmoid", "sigmoid_norm", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft"}
# Losses that DPOTrainer 1.16 has, by their names in `_compute_loss`.
DPO_LOSSES = DIVERGENCE_LOSSES | {"nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down"}
SERVER = ("vllm_server_host", "vllm_server_port", "vllm_server_base_url", "vllm_server_timeout")
REACTIVE = ("reduce_lr_on_plateau", "greedy")
# PPO's arguments with the least and the greatest value that its config takes, and whether the least is one of them.
PPO_RANGES: Mapping[str, tuple[float, float, bool]] = {
    "response_length": (1, math.inf, True), "num_ppo_epochs": (1, math.inf, True), "num_mini_batches": (1, math.inf, True),
    "local_rollout_forward_batch_size": (1, math.inf, True), "total_episodes": (1, math.inf, True),
    "cliprange": (0, math.inf, False), "cliprange_value": (0, math.inf, False), "gamma": (0, 1, True), "lam": (0, 1, True),
    "vf_coef": (0, math.inf, True), "missing_eos_penalty": (0, math.inf, True), "target_kl": (0, math.inf, True),
}  # fmt: skip


@dataclass(frozen=True)
class Clash:
    """One contradiction: its kind, the arguments that it is between, the edits that end it, and what its sentence names."""

    kind: str
    names: tuple[str, ...]
    edits: tuple[Edit, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> str:
        """How grave it is."""
        return MILDER.get(self.kind, "error")


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "parallel": ("console-launch",),
    "device-map": ("console-mapped",),
    "no-evaluation-data": ("console-missing",),
    "best-model": ("console-missing",),
    "weights": ("console-missing",),
    "length": ("console-missing",),
    "labels": ("console-missing",),
    "loss-type": ("console-missing",),
    "*": ("console-twice",),
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
        causes=CAUSES.get(cause.kind, CAUSES["*"]),
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "parallel":
        return (Fix("console-launch", "show"),)
    if kind == "same-model":
        return (Fix("console-reference", "show"),)
    if kind == "no-evaluation-data":
        return (Fix("console-evaluate", "ask", run_edits(run, eval_strategy="no")),)
    if kind == "best-model":
        return (Fix("console-best", "ask", run_edits(run, load_best_model_at_end=False)),)
    if kind == "batch-finder":
        return (Fix("console-finder", "safe", run_edits(run, auto_find_batch_size=False)),)
    if kind == "device-map":
        return (Fix("console-device", "show"),)
    if kind == "reference-sync":
        return (Fix("console-sync", "ask", run_edits(run, sync_ref_model=False)),)
    if kind == "padding-free":
        return (Fix("console-padding", "safe", run_edits(run, padding_free=False)),)
    return (Fix("console-one", "show"),)


def preflight(material: Material) -> Finding | None:
    """Look for every contradiction that the config alone tells; the gravest gives the finding its sentence."""
    plan.need_config(material)
    readers: list[Callable[[Material], Iterator[Clash]]] = [of_any_trainer, of_the_model]
    by_method: dict[str, list[Callable[[Material], Iterator[Clash]]]] = {
        "sft": [of_sft], "dpo": [of_dpo, of_the_reference], "kto": [of_kto, of_the_reference], "grpo": [of_groups],
        "rloo": [of_groups], "ppo": [of_ppo],
    }  # fmt: skip
    clashes = [clash for reader in (*readers, *by_method.get(material.method or "", [])) for clash in reader(material)]
    if not clashes:
        return None
    clashes.sort(key=lambda one: ("error", "warning", "info").index(one.severity))
    first = clashes[0]
    return Finding(
        rule=NAME,
        severity=first.severity,  # type: ignore[arg-type]
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={"kind": first.kind, "a": "", "b": "", "count": len(clashes), **first.facts},
        evidence=tuple(TextEvidence("config", plan.shown(material, *clash.names)) for clash in clashes),
        causes=("both",),
        fixes=fixes_of(clashes),
    )


def fixes_of(clashes: list[Clash]) -> tuple[Fix, ...]:
    """All edits as one fix, where they are of different arguments; a hand where there is none."""
    edits: dict[str, Edit] = {}
    for clash in clashes:
        for edit in clash.edits:
            edits.setdefault(edit.path, edit)
    fixes = []
    if edits:
        said = ", ".join(f"{one.path}: -" if one.removed else f"{one.path}={one.new}" for one in edits.values())
        fixes.append(Fix("set", "ask", tuple(edits.values()), {"edits": said}))
    if any(not clash.edits for clash in clashes):
        fixes.append(Fix("choose", "show"))
    return tuple(fixes)


def of_any_trainer(material: Material) -> Iterator[Clash]:
    """What transformers' TrainingArguments and Trainer refuse."""
    saves, evaluates = plan.word(material, "save_strategy"), plan.word(material, "eval_strategy")
    best = plan.on(material, "load_best_model_at_end")
    off = plan.edit(material, "load_best_model_at_end", False)
    if best and saves != "best" and saves != evaluates:
        edits = (plan.edit(material, "save_strategy", evaluates),) if evaluates != "no" else (off,)
        yield Clash("best-strategies", ("load_best_model_at_end", "save_strategy", "eval_strategy"), edits,
                    {"a": saves, "b": evaluates})  # fmt: skip
    every = plan.number(material, "eval_steps") or plan.number(material, "logging_steps")
    save = plan.number(material, "save_steps")
    if best and saves == evaluates == "steps" and save and every:
        mixed = (save < 1) != (every < 1)
        if mixed or (round(save * 1e6) % round(every * 1e6)):
            new = every * max(1, math.ceil(save / every))
            edits = (plan.edit(material, "save_steps", int(new) if new >= 1 else every),)
            yield Clash(
                "best-steps", ("load_best_model_at_end", "save_steps", "eval_steps"), edits, {"a": save, "b": every}
            )
    metric, reactive = (
        plan.value(material, "metric_for_best_model"),
        plan.word(material, "lr_scheduler_type") in REACTIVE,
    )
    if saves == "best" and metric is None and not best and not reactive:
        name = "eval_objective/scores" if material.method == "ppo" else "loss"
        edits = (plan.edit(material, "metric_for_best_model", name),)
        yield Clash("best-of-what", ("save_strategy", "metric_for_best_model"), edits)
    scheduler = plan.word(material, "lr_scheduler_type")
    if scheduler in REACTIVE and evaluates == "no":
        edits = (plan.edit(material, "lr_scheduler_type", "linear"),)
        yield Clash("scheduler-evaluation", ("lr_scheduler_type", "eval_strategy"), edits, {"a": scheduler})
    if plan.on(material, "fp16_full_eval") and plan.on(material, "bf16_full_eval"):
        names = ("fp16_full_eval", "bf16_full_eval")
        yield Clash("full-eval", names, (plan.edit(material, "fp16_full_eval", False),))
    prefetch = plan.value(material, "dataloader_prefetch_factor")
    if prefetch is not None and not plan.whole(material, "dataloader_num_workers", 0):
        edits = (plan.without(material, "dataloader_prefetch_factor"),)
        yield Clash("prefetch", ("dataloader_prefetch_factor", "dataloader_num_workers"), edits, {"a": prefetch})
    sharded = plan.value(material, "fsdp") or plan.value(material, "deepspeed")
    if plan.value(material, "fsdp") and plan.value(material, "deepspeed"):
        yield Clash("sharding-twice", ("fsdp", "deepspeed"), ())
    if sharded and best and plan.on(material, "save_only_model"):
        yield Clash("best-sharded", ("save_only_model", "load_best_model_at_end"), (off,))
    warmup = plan.number(material, "warmup_steps")
    if warmup is not None and warmup < 0:
        yield Clash("negative-warmup", ("warmup_steps",), (plan.edit(material, "warmup_steps", 0),), {"a": warmup})
    for name, strategy in (
        ("logging_steps", plan.word(material, "logging_strategy")),
        ("eval_steps", evaluates),
        ("save_steps", saves),
    ):
        steps = plan.number(material, name)
        if (
            strategy == "steps"
            and steps is not None
            and ((steps > 1 and steps != int(steps)) or (steps == 0 and name == "logging_steps"))
        ):
            yield Clash(
                "broken-steps",
                (name,),
                (plan.edit(material, name, max(1, round(steps) or 10)),),
                {"a": steps, "b": name},
            )
    limit = plan.whole(material, "max_steps", -1)
    if material.method != "ppo" and limit > 0 and plan.given(material, "num_train_epochs"):
        epochs = plan.value(material, "num_train_epochs")
        edits = (plan.without(material, "num_train_epochs"),)
        yield Clash("steps-and-epochs", ("max_steps", "num_train_epochs"), edits, {"a": limit, "b": epochs})
    kwargs = plan.value(material, "gradient_checkpointing_kwargs")
    if isinstance(kwargs, Mapping) and kwargs.get("selective"):
        on = plan.on(material, "activation_checkpointing") or plan.on(material, "gradient_checkpointing")
        if not on or kwargs.get("use_reentrant"):
            edits = (plan.without(material, "gradient_checkpointing_kwargs"),)
            yield Clash("selective-checkpointing", ("gradient_checkpointing", "gradient_checkpointing_kwargs"), edits)


def of_the_model(material: Material) -> Iterator[Clash]:
    """What ModelConfig and the loading of the model refuse."""
    four, eight = plan.on(material, "load_in_4bit"), plan.on(material, "load_in_8bit")
    name = "load_in_4bit" if four else "load_in_8bit"
    if four and eight:
        yield Clash("quantised-twice", ("load_in_4bit", "load_in_8bit"), (plan.edit(material, "load_in_8bit", False),))
    inside = plan.value(material, "model_init_kwargs")
    if (four or eight) and isinstance(inside, Mapping) and "quantization_config" in inside:
        edits = (plan.edit(material, name, False),)
        yield Clash("quantised-both-ways", (name, "model_init_kwargs"), edits, {"a": name})
    elif (four or eight) and not plan.on(material, "use_peft"):
        edits = (plan.edit(material, "use_peft", True),)
        yield Clash("quantised-without-adapter", (name, "use_peft"), edits, {"a": name})
    lora = [one for one in LORA if plan.given(material, one) and plan.value(material, one) not in (None, False)]
    if lora and not plan.on(material, "use_peft"):
        edits = (plan.edit(material, "use_peft", True),)
        yield Clash("adapter-unused", ("use_peft", *lora), edits, {"a": ", ".join(lora)})


def of_sft(material: Material) -> Iterator[Clash]:
    """What SFTTrainer refuses."""
    limit = plan.value(material, "max_length")
    if plan.on(material, "padding_free") and not plan.on(material, "packing") and limit is not None:
        edits = (plan.edit(material, "packing", True),)
        yield Clash("padding-free", ("padding_free", "packing", "max_length"), edits, {"a": limit})
    if plan.on(material, "assistant_only_loss") and material.prepared and material.prepared.format == "standard":
        edits = (plan.edit(material, "assistant_only_loss", False),)
        yield Clash("assistant-only", ("assistant_only_loss",), edits)
    loss = plan.word(material, "loss_type")
    if plan.given(material, "loss_type") and loss not in ("nll", "dft", "chunked_nll"):
        edits = (plan.edit(material, "loss_type", "nll"),)
        yield Clash("unknown-loss", ("loss_type",), edits, {"a": loss, "b": "SFT"})


def losses_of(material: Material) -> list[str]:
    """DPO's losses: one, or several that are added."""
    found = plan.value(material, "loss_type")
    return [found] if isinstance(found, str) else [str(one) for one in found or ()]


def of_dpo(material: Material) -> Iterator[Clash]:
    """What DPOConfig and DPOTrainer refuse."""
    losses, weights = losses_of(material), plan.value(material, "loss_weights")
    unknown = [one for one in losses if one not in DPO_LOSSES]
    if unknown:
        edits = (plan.edit(material, "loss_type", [one for one in losses if one in DPO_LOSSES] or ["sigmoid"]),)
        yield Clash("unknown-loss", ("loss_type",), edits, {"a": unknown[0], "b": "DPO"})
    elif isinstance(weights, list | tuple) and len(weights) != len(losses):
        edits = (plan.without(material, "loss_weights"),)
        yield Clash("loss-weights", ("loss_type", "loss_weights"), edits, {"a": len(weights), "b": len(losses)})
    if "exo_pair" in losses and plan.number(material, "label_smoothing") == 0:
        yield Clash("exo-smoothing", ("loss_type", "label_smoothing"), (plan.edit(material, "label_smoothing", 1e-3),))
    sorting = [one for one in losses if one in ("aot", "aot_unpaired")]
    if sorting and plan.on(material, "use_weighting"):
        edits = (plan.edit(material, "use_weighting", False),)
        yield Clash("weighted-aot", ("loss_type", "use_weighting"), edits, {"a": sorting[0]})
    divergence = plan.word(material, "f_divergence_type").rpartition(".")[2]
    other = [one for one in losses if one not in DIVERGENCE_LOSSES]
    if divergence != "reverse_kl" and other:
        edits = (plan.edit(material, "f_divergence_type", "reverse_kl"),)
        yield Clash("divergence-loss", ("f_divergence_type", "loss_type"), edits, {"a": divergence, "b": other[0]})


def of_kto(material: Material) -> Iterator[Clash]:
    """What KTOTrainer refuses while its loss estimates the KL from a batch."""
    if plan.word(material, "loss_type") != "kto":
        return
    rows = plan.whole(material, "per_device_train_batch_size", 8)
    if rows <= 1:
        edits = (plan.edit(material, "per_device_train_batch_size", 2),)
        yield Clash("single-row", ("per_device_train_batch_size",), edits, {"a": rows})
    order = plan.word(material, "train_sampling_strategy")
    if order != "sequential":
        edits = (plan.edit(material, "train_sampling_strategy", "sequential"),)
        yield Clash("shuffled-pairs", ("train_sampling_strategy",), edits, {"a": order})


def of_the_reference(material: Material) -> Iterator[Clash]:
    """A reference model that moves."""
    if not plan.on(material, "sync_ref_model"):
        return
    off = (plan.edit(material, "sync_ref_model", False),)
    if plan.on(material, "use_peft"):
        yield Clash("synced-adapter", ("sync_ref_model", "use_peft"), off)
    elif plan.on(material, "precompute_ref_log_probs"):
        yield Clash("synced-and-precomputed", ("sync_ref_model", "precompute_ref_log_probs"), off)


def of_groups(material: Material) -> Iterator[Clash]:
    """What the configs and trainers of GRPO and RLOO refuse."""
    method = str(material.method).upper()
    if plan.on(material, "auto_find_batch_size"):
        edits = (plan.edit(material, "auto_find_batch_size", False),)
        yield Clash("shrinking-batch", ("auto_find_batch_size",), edits, {"b": method})
    both = [plan.value(material, name) is not None for name in ("generation_batch_size", "steps_per_generation")]
    if all(both):
        edits = (plan.without(material, "generation_batch_size"),)
        yield Clash("generation-twice", ("generation_batch_size", "steps_per_generation"), edits)
    answers = plan.whole(material, "num_generations", 8)
    if answers < 2:
        per_step = plan.whole(material, "per_device_train_batch_size", 8)
        new = next((one for one in (8, 4, 2) if per_step % one == 0), per_step)
        grouped = (plan.edit(material, "num_generations", new),) if new > 1 else ()
        yield Clash("single-answer", ("num_generations",), grouped, {"a": answers, "b": method})
    if plan.on(material, "sync_ref_model"):
        off = (plan.edit(material, "sync_ref_model", False),)
        if not plan.number(material, "beta"):
            yield Clash("synced-without-reference", ("sync_ref_model", "beta"), off)
        elif plan.on(material, "use_peft"):
            yield Clash("synced-adapter", ("sync_ref_model", "use_peft"), off)
    server = [name for name in SERVER if plan.given(material, name)]
    if server and plan.on(material, "use_vllm") and plan.word(material, "vllm_mode") != "server":
        edits = (plan.edit(material, "vllm_mode", "server"),)
        yield Clash("server-unused", ("use_vllm", "vllm_mode", *server), edits, {"a": server[0]})
    yield from of_rewards(material)
    if plan.value(material, "log_completions_hub_repo") is not None and not plan.on(material, "log_completions"):
        edits = (plan.edit(material, "log_completions", True),)
        yield Clash("unlogged-answers", ("log_completions_hub_repo", "log_completions"), edits)
    low, high = (plan.number(material, f"vllm_importance_sampling_clip_{end}") for end in ("min", "max"))
    if low is not None and high is not None and low >= high:
        names = ("vllm_importance_sampling_clip_min", "vllm_importance_sampling_clip_max")
        yield Clash("sampling-bounds", names, (plan.without(material, names[0]),), {"a": low, "b": high})


def of_rewards(material: Material) -> Iterator[Clash]:
    """A weight for each reward function."""
    weights, named = plan.value(material, "reward_weights"), plan.value(material, "reward_funcs")
    functions = 1 if isinstance(named, str) else len(named or ())
    functions += bool(plan.value(material, "reward_model_name_or_path"))
    if isinstance(weights, list | tuple) and functions and len(weights) != functions:
        edits = (plan.without(material, "reward_weights"),)
        yield Clash("reward-weights", ("reward_weights", "reward_funcs"), edits, {"a": len(weights), "b": functions})


def of_ppo(material: Material) -> Iterator[Clash]:
    """What this project's PPOConfig refuses."""
    for other, own in PPO_OTHER_NAMES.items():
        if other in material.asked.config and own in material.asked.config:
            edits = (Edit(other, material.asked.config[other], None, removed=True),)
            yield Clash("two-names", (own,), edits, {"a": other, "b": own})
    if plan.value(material, "total_episodes") is not None and plan.whole(material, "max_steps", -1) > 0:
        yield Clash("two-ends", ("total_episodes", "max_steps"), (plan.without(material, "max_steps"),))
    if plan.value(material, "stop_token") and plan.value(material, "stop_token_id") is not None:
        yield Clash("two-stops", ("stop_token", "stop_token_id"), (plan.without(material, "stop_token"),))
    if plan.word(material, "value_model") == "head" and plan.value(material, "value_model_path"):
        edits = (plan.without(material, "value_model_path"),)
        path = plan.value(material, "value_model_path")
        yield Clash("value-head", ("value_model", "value_model_path"), edits, {"a": path})
    metric = plan.value(material, "metric_for_best_model")
    if plan.on(material, "load_best_model_at_end") and metric in (None, "loss", "eval_loss"):
        by_score = plan.edit(material, "metric_for_best_model", "eval_objective/scores")
        higher = plan.edit(material, "greater_is_better", True)
        yield Clash(
            "best-by-loss",
            ("load_best_model_at_end", "metric_for_best_model"),
            (by_score, higher),
            {"a": metric or "loss"},
        )
    for name, (least, most, included) in PPO_RANGES.items():
        found = plan.number(material, name)
        if found is not None and not (least <= found <= most and (included or found > least)):
            yield Clash(
                "out-of-range",
                (name,),
                (plan.without(material, name),),
                {"a": found, "b": plan.own_name(material, name)},
            )
    yield from of_rewards(material)


WORDS = {
    "en": Words(
        title="Options contradict each other",
        summary={
            "server-unused": "{a} names a vLLM server, and vllm_mode is not 'server': vLLM runs inside the training.",
            "best-of-what": "save_strategy='best' needs a metric_for_best_model.",
            "best-strategies": "load_best_model_at_end needs save_strategy and eval_strategy "
            "to be the same; they are {a} and {b}.",
            "best-steps": "load_best_model_at_end needs save_steps to be a multiple of eval_steps; "
            "they are {a} and {b}.",
            "scheduler-evaluation": "lr_scheduler_type={a} follows the evaluation, and nothing is evaluated.",
            "full-eval": "fp16_full_eval and bf16_full_eval are both on; only one of them can be.",
            "prefetch": "dataloader_prefetch_factor={a} needs dataloader_num_workers above 0.",
            "sharding-twice": "fsdp and deepspeed are both asked for; only one of them can be.",
            "best-sharded": "save_only_model keeps no sharded state from which load_best_model_at_end could load.",
            "negative-warmup": "warmup_steps is {a}; at least 0 is needed.",
            "broken-steps": "{b} is {a}: above 1 it counts steps and has to be a whole number, and it cannot be 0.",
            "steps-and-epochs": "max_steps={a} decides; num_train_epochs={b} is not read.",
            "quantised-twice": "load_in_4bit and load_in_8bit are both on; only one of them can be.",
            "quantised-both-ways": "The quantisation stands in model_init_kwargs and in {a}; TRL "
            "takes it from one place only.",
            "quantised-without-adapter": "{a} freezes the weights in a form that cannot be trained, and "
            "there is no adapter (use_peft).",
            "adapter-unused": "{a} is set, and use_peft is off: all weights are trained, without LoRA.",
            "selective-checkpointing": "gradient_checkpointing_kwargs asks for selective checkpointing, "
            "which needs gradient_checkpointing and no use_reentrant.",
            "shrinking-batch": "auto_find_batch_size would break the groups of answers: {b} refuses it.",
            "padding-free": "padding_free without packing does not enforce max_length={a}: TRL refuses it.",
            "assistant-only": "assistant_only_loss needs conversations, and the rows are plain texts.",
            "unknown-loss": "{b} has no loss_type {a}.",
            "loss-weights": "loss_weights has {a} value(s) for {b} loss(es).",
            "exo-smoothing": "loss_type exo_pair needs label_smoothing above 0.",
            "weighted-aot": "use_weighting does not go with loss_type {a}.",
            "divergence-loss": "f_divergence_type={a} does not go with loss_type {b}.",
            "synced-and-precomputed": "sync_ref_model moves the reference whose log-probabilities precompute_ref_log_probs "
            "holds fixed.",
            "synced-adapter": "sync_ref_model needs a reference model of its own; with LoRA there is none.",
            "synced-without-reference": "sync_ref_model is on, and with beta=0 there is no reference model.",
            "single-row": "per_device_train_batch_size is {a}: KTO estimates its KL from "
            "the other rows of a batch, and needs 2.",
            "shuffled-pairs": "train_sampling_strategy is {a}: KTO's loss needs 'sequential', "
            "the order in which its rows were paired.",
            "generation-twice": "generation_batch_size and steps_per_generation are both set; only one of them can be.",
            "single-answer": "num_generations is {a}: answers are judged against each other, and {b} needs 2.",
            "reward-weights": "reward_weights has {a} value(s) for {b} reward function(s).",
            "unlogged-answers": "log_completions_hub_repo is set, and log_completions is off.",
            "sampling-bounds": "vllm_importance_sampling_clip_min={a} is not below clip_max={b}.",
            "two-ends": "total_episodes and max_steps both end the run; only one of them can be given.",
            "two-stops": "stop_token and stop_token_id both end an answer; only one of them can be given.",
            "value-head": "value_model is a head, which has no model of its own: value_model_path={a} is not read.",
            "best-by-loss": "load_best_model_at_end goes by {a}, and an evaluation of PPO has no loss.",
            "out-of-range": "{b} is {a}, which PPO does not take.",
            "two-names": "{a} and {b} are two names of one argument, and both are given.",
            "console-parallel": (
                "Several GPUs in one process (DataParallel), which the trainer does not support{where}. {line}"
            ),
            "console-quantized-twice": "The quantisation was asked for in two places{where}. {line}",
            "console-instantiated": (
                "Arguments of loading were given together with a model that is loaded already{where}. {line}"
            ),
            "console-same-model": "The model was given as its own reference{where}. {line}",
            "console-weights": "There are not as many weights or processors as reward functions{where}. {line}",
            "console-sharding-twice": "The ways of sharding exclude each other or the launcher{where}. {line}",
            "console-batch-finder": (
                "The batch size cannot be searched for in this set-up (auto_find_batch_size){where}. {line}"
            ),
            "console-batches-twice": "generation_batch_size and steps_per_generation were both set{where}. {line}",
            "console-deepspeed": "The DeepSpeed config says other than the trainer's arguments{where}. {line}",
            "console-device-map": "The model's parts lie on other devices than training uses{where}. {line}",
            "console-no-evaluation-data": "An evaluation was asked for without data for it{where}. {line}",
            "console-best-model": (
                "The best checkpoint cannot be told: saving, evaluation and metric do not go together{where}. {line}"
            ),
            "console-padding-free": "Training without padding does not go with the other options{where}. {line}",
            "console-formatting": (
                "A formatting function makes plain text, of which no completion can be told{where}. {line}"
            ),
            "console-reference-sync": (
                "There is no reference model of its own that could be brought up to date{where}. {line}"
            ),
            "console-checkpointing-twice": "Activation checkpointing was asked for in two places{where}. {line}",
            "console-length": "The data have no length, and max_steps is not set{where}. {line}",
            "console-labels": "A reward model needs exactly one output{where}. {line}",
            "console-loss-type": "There is no such loss{where}. {line}",
            "console-refused": "A config or a trainer refused its arguments{where}. {line}",
        },
        why="The trainer refuses to start, or one of the options does nothing.",
        wrong_if="another version of TRL or transformers trains than the one installed here",
        causes={
            "both": "Options from two recipes, or one was changed without the other.",
            "console-launch": "The script was started with plain python on a machine with several GPUs.",
            "console-twice": "The same thing is set in two places.",
            "console-missing": "One of two arguments that belong together is missing.",
            "console-mapped": "The model was loaded with device_map='auto', which spreads it over all GPUs.",
        },
        fixes={
            "set": "Set {edits} (- takes an argument out)",
            "choose": "Choose one of them",
            "console-launch": "Start with `accelerate launch`, or show one GPU only (CUDA_VISIBLE_DEVICES=0)",
            "console-reference": "Leave out ref_model: the trainer makes its own",
            "console-evaluate": "Do not evaluate",
            "console-best": "Do not load the best checkpoint at the end",
            "console-finder": "Do not search for the batch size",
            "console-device": (
                "Load each process's model onto its own GPU: device_map=PartialState().local_process_index"
            ),
            "console-sync": "Do not bring the reference up to date",
            "console-padding": "Train with padding",
            "console-one": "Keep the one of the two settings that is meant, as the message names them",
        },
        about="""Reads the config for what the installed config classes and trainers refuse with a ValueError before the first
step, and for options that do nothing beside others. Taken from the sources of TRL 1.16 and transformers 5.23.

Several contradictions of one config are one finding: its sentence is the gravest one's, its evidence shows all of them, its
fix ends all of them. What stands in a DeepSpeed or accelerate file is not seen.

After a crash, reads the console for the refusals of TRL's, transformers' and accelerate's configs and trainers.

A ValueError that a config or a trainer raised while it was made, and that is not in the table of known sentences, is said
with a confidence of 0.5.""",
    ),
    "zh": Words(
        title="选项相互矛盾",
        summary={
            "server-unused": "{a} 指定了 vLLM 服务器，但 vllm_mode 不是 'server'：vLLM 会在训练进程内运行。",
            "best-of-what": "save_strategy='best' 需要指定 metric_for_best_model。",
            "best-strategies": "load_best_model_at_end 要求 save_strategy 与 eval_strategy 相同，现在是 {a} 和 {b}。",
            "best-steps": "load_best_model_at_end 要求 save_steps 是 eval_steps 的整数倍，现在是 {a} 和 {b}。",
            "scheduler-evaluation": "lr_scheduler_type={a} 依赖评估结果，但没有评估。",
            "full-eval": "fp16_full_eval 与 bf16_full_eval 同时开启，只能二选一。",
            "prefetch": "dataloader_prefetch_factor={a} 要求 dataloader_num_workers 大于 0。",
            "sharding-twice": "同时要求 fsdp 和 deepspeed，只能二选一。",
            "best-sharded": "save_only_model 不保存分片状态，load_best_model_at_end 无从加载。",
            "negative-warmup": "warmup_steps 为 {a}，至少应为 0。",
            "broken-steps": "{b} 为 {a}：大于 1 时表示步数，必须是整数，也不能为 0。",
            "steps-and-epochs": "以 max_steps={a} 为准；num_train_epochs={b} 不起作用。",
            "quantised-twice": "load_in_4bit 与 load_in_8bit 同时开启，只能二选一。",
            "quantised-both-ways": "量化同时写在 model_init_kwargs 和 {a} 里；TRL 只接受一处。",
            "quantised-without-adapter": "{a} 把权重冻结为不可训练的形式，却没有适配器（use_peft）。",
            "adapter-unused": "设置了 {a}，但 use_peft 没有开启：会训练全部权重，不用 LoRA。",
            "selective-checkpointing": "gradient_checkpointing_kwargs 要求选择性检查点，需要开启 gradient_checkpointing "
            "且不用 use_reentrant。",
            "shrinking-batch": "auto_find_batch_size 会打破回答的分组：{b} 不接受。",
            "padding-free": "padding_free 不配合 packing 时不会执行 max_length={a}，TRL 会拒绝。",
            "assistant-only": "assistant_only_loss 需要对话数据，而这些行是纯文本。",
            "unknown-loss": "{b} 没有 loss_type {a}。",
            "loss-weights": "loss_weights 有 {a} 个值，而损失有 {b} 个。",
            "exo-smoothing": "loss_type exo_pair 要求 label_smoothing 大于 0。",
            "weighted-aot": "use_weighting 不能与 loss_type {a} 同用。",
            "divergence-loss": "f_divergence_type={a} 不能与 loss_type {b} 同用。",
            "synced-and-precomputed": "sync_ref_model 会移动参考模型，而 precompute_ref_log_probs 把它的对数概率固定了。"
            "",
            "synced-adapter": "sync_ref_model 需要单独的参考模型；使用 LoRA 时没有。",
            "synced-without-reference": "sync_ref_model 已开启，但 beta=0 时没有参考模型。",
            "single-row": "per_device_train_batch_size 为 {a}：KTO 用批内其他行估计 KL，至少需要 2。",
            "shuffled-pairs": "train_sampling_strategy 为 {a}：KTO 的损失需要 'sequential'，即配对时的顺序。",
            "generation-twice": "同时设置了 generation_batch_size 和 steps_per_generation，只能二选一。",
            "single-answer": "num_generations 为 {a}：回答要相互比较，{b} 至少需要 2。",
            "reward-weights": "reward_weights 有 {a} 个值，而奖励函数有 {b} 个。",
            "unlogged-answers": "设置了 log_completions_hub_repo，但 log_completions 没有开启。",
            "sampling-bounds": "vllm_importance_sampling_clip_min={a} 不小于 clip_max={b}。",
            "two-ends": "total_episodes 与 max_steps 都决定训练长度，只能给一个。",
            "two-stops": "stop_token 与 stop_token_id 都决定回答在哪里结束，只能给一个。",
            "value-head": "value_model 为 head，没有单独的模型：value_model_path={a} 用不上。",
            "best-by-loss": "load_best_model_at_end 以 {a} 为准，而 PPO 的评估没有损失。",
            "out-of-range": "{b} 为 {a}，PPO 不接受。",
            "two-names": "{a} 与 {b} 是同一个参数的两个名字，却都给了。",
            "console-parallel": "单进程使用多块 GPU（DataParallel），训练器不支持{where}。{line}",
            "console-quantized-twice": "在两处要求了量化{where}。{line}",
            "console-instantiated": "模型已经载入，却又给了载入参数{where}。{line}",
            "console-same-model": "把模型本身当作参考模型{where}。{line}",
            "console-weights": "权重或处理器的个数与奖励函数不同{where}。{line}",
            "console-sharding-twice": "分片方式之间或与启动方式冲突{where}。{line}",
            "console-batch-finder": "这种设置下不能自动寻找批量（auto_find_batch_size）{where}。{line}",
            "console-batches-twice": "同时设置了 generation_batch_size 与 steps_per_generation{where}。{line}",
            "console-deepspeed": "DeepSpeed 配置与训练参数不一致{where}。{line}",
            "console-device-map": "模型各部分所在设备与训练使用的不同{where}。{line}",
            "console-no-evaluation-data": "要求评估却没有评估数据{where}。{line}",
            "console-best-model": "无法确定最佳检查点：保存、评估与指标设置不匹配{where}。{line}",
            "console-padding-free": "无填充训练与其他选项冲突{where}。{line}",
            "console-formatting": "格式化函数生成纯文本，无法区分回答部分{where}。{line}",
            "console-reference-sync": "没有可同步的独立参考模型{where}。{line}",
            "console-checkpointing-twice": "在两处要求了激活检查点{where}。{line}",
            "console-length": "数据没有长度，又没有设置 max_steps{where}。{line}",
            "console-labels": "奖励模型必须只有一个输出{where}。{line}",
            "console-loss-type": "没有这种损失{where}。{line}",
            "console-refused": "配置或训练器拒绝了参数{where}。{line}",
        },
        why="训练器会拒绝启动，或其中一个选项不起作用。",
        wrong_if="实际训练使用的 TRL 或 transformers 版本与这里安装的不同",
        causes={
            "both": "选项来自两份不同的配方，或只改了其中一个。",
            "console-launch": "在多 GPU 机器上直接用 python 启动脚本。",
            "console-twice": "同一件事在两处设置。",
            "console-missing": "两个配套的参数缺了一个。",
            "console-mapped": "以 device_map='auto' 载入的模型会分布到所有 GPU。",
        },
        fixes={
            "set": "设置 {edits}（- 表示去掉该参数）",
            "choose": "只保留其中一个",
            "console-launch": "用 `accelerate launch` 启动，或只暴露一块 GPU（CUDA_VISIBLE_DEVICES=0）",
            "console-reference": "去掉 ref_model：训练器会自己创建",
            "console-evaluate": "不做评估",
            "console-best": "结束时不载入最佳检查点",
            "console-finder": "不自动寻找批量",
            "console-device": "让每个进程把模型载入自己的 GPU：device_map=PartialState().local_process_index",
            "console-sync": "不同步参考模型",
            "console-padding": "使用填充训练",
            "console-one": "按报错所指，只保留要用的那一项设置",
        },
        about="""检查配置里会被已安装的配置类和训练器在第一步之前以 ValueError 拒绝的组合，以及与其他选项同用时不起作用的选项。
依据 TRL 1.16 和 transformers 5.23 的源码。

一份配置里的多处矛盾合为一个发现：句子取最严重的一处，证据列出全部，修复一次解决全部。DeepSpeed 或 accelerate 文件里的
内容看不到。

崩溃之后，在控制台里查找 TRL、transformers 与 accelerate 的配置和训练器拒绝参数的报错。

配置或训练器在创建时抛出、又不在已知句子表里的 ValueError，以 0.5 的置信度报告。""",
    ),
}
