"""Every rule on a config finds its planted fault, is silent on the near miss, and its fix silences it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.finding import CannotJudge, Finding
from diagnostics.fixing import applied
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked, Machine, Material, Prepared, Rows
from diagnostics.preflight.own_arguments import OWN_DEFAULTS, PPO_DEFAULTS, PPO_OTHER_NAMES
from diagnostics.probes.preflight import with_data
from diagnostics.probes.signatures import config_of
from diagnostics.report.words import LANGS, in_words
from training.demo.recipes import Stage, stages

# The rules that judge the config; others judge rows and rewards, of which this material has none.
CONFIG_RULES = [
    importlib.import_module(f"diagnostics.rules.{name}")
    for name in (
        "api_removed", "argument_renamed", "batch_not_divisible", "beta_unusual", "checkpoints_never_saved",
        "learning_rate_unusual", "no_evaluation", "nothing_logged", "options_contradict", "precision_unsupported",
        "run_too_short", "sampling_narrowed", "schedule_fault", "warmup_missing",
    )
]  # fmt: skip
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
CPU = Machine("cpu", 1, bf16=True, fp16=False)
V100 = Machine("cuda", 1, bf16=False, fp16=True, name="Tesla V100")
H100 = Machine("cuda", 1, bf16=True, fp16=True, name="H100")
BASIS = {"model_name_or_path": "some/model", "dataset_name": "some/data"}


def material(
    method: str,
    config: dict[str, Any],
    *,
    machine: Machine = H100,
    rows: int | None = None,
    processes: int = 1,
    columns: tuple[str, ...] = ("text",),
    form: Any = None,
) -> Material:
    """A training that is asked for, with as many rows."""
    defaults, usable = config_of(method)
    train = Rows("data.jsonl", rows, columns, (), np.arange(rows)) if rows else None
    prepared = Prepared(form, {}, (), 1024) if form else None
    return Material(
        Asked(method, {**BASIS, **config}), train, None, prepared,
        machine=machine, defaults=defaults, usable=usable, processes=processes,
    )  # fmt: skip


def found(rule: str, one: Material) -> Finding | None:
    module = importlib.import_module(f"diagnostics.rules.{rule.replace('-', '_')}")
    methods = getattr(module, "PREFLIGHT_METHODS", module.METHODS)
    assert methods is None or one.method in methods
    try:
        finding: Finding | None = module.preflight(one)
    except CannotJudge:
        return None
    return finding


# rule, kind, severity, method, config, what else is known
FAULTS: list[tuple[str, str | None, str, str, dict[str, Any], dict[str, Any]]] = [
    ("argument-renamed", "config-renamed", "error", "sft", {"max_seq_length": 512}, {}),
    ("argument-renamed", "config-renamed", "error", "dpo", {"evaluation_strategy": "steps", "warmup_ratio": 0.1}, {}),
    ("argument-renamed", "config-gone", "error", "dpo", {"max_prompt_length": 512, "overwrite_output_dir": True}, {}),
    ("argument-renamed", "config-renamed", "error", "dpo", {"rpo_alpha": 1.0, "loss_type": "hinge"}, {}),
    ("argument-renamed", "config-renamed", "error", "sft", {"warmup_ratio": 0.1, "warmup_steps": 0}, {}),
    ("argument-renamed", "config-renamed", "error", "grpo", {"no_cuda": True, "wandb_log_unique_prompts": True}, {}),
    ("argument-renamed", "config-renamed", "error", "sft", {"torch_dtype": "bfloat16"}, {}),
    ("argument-renamed", "config-renamed", "error", "sft", {"group_by_length": True}, {}),
    ("precision-unsupported", "both", "error", "sft", {"bf16": True, "fp16": True}, {}),
    ("precision-unsupported", "fp16-on-cpu", "info", "sft", {"fp16": True}, {"machine": CPU}),
    ("precision-unsupported", "bf16-on-cpu", "error", "sft", {"bf16": True}, {"machine": CPU}),
    ("precision-unsupported", "half-weights", "error", "sft", {"fp16": True, "dtype": "float16"}, {}),
    ("precision-unsupported", "no-bf16", "warning", "sft", {}, {"machine": V100}),
    ("batch-not-divisible", "generations", "error", "grpo", {"num_generations": 7, "per_device_train_batch_size": 4}, {}),
    ("batch-not-divisible", "generations", "warning", "grpo", {"per_device_train_batch_size": 4}, {}),
    ("batch-not-divisible", "generations", "error", "rloo", {"num_generations": 5, "generation_batch_size": 32}, {}),
    ("batch-not-divisible", "generation-batch", "error", "grpo", {"generation_batch_size": 12}, {}),
    ("batch-not-divisible", "evaluation", "warning", "grpo", {"eval_strategy": "steps", "per_device_eval_batch_size": 2}, {}),
    ("batch-not-divisible", "mini-batches", "error", "ppo", {"per_device_train_batch_size": 8, "num_mini_batches": 3}, {}),
    ("learning-rate-unusual", "high", "warning", "dpo", {"learning_rate": 1e-3}, {}),
    ("learning-rate-unusual", "low", "warning", "sft", {"learning_rate": 1e-8}, {}),
    ("warmup-missing", None, "warning", "sft", {"learning_rate": 1e-2}, {}),
    ("beta-unusual", "zero", "error", "dpo", {"beta": 0.0}, {}),
    ("beta-unusual", "negative", "error", "grpo", {"beta": -0.1}, {}),
    ("beta-unusual", "low", "warning", "kto", {"beta": 1e-4}, {}),
    ("beta-unusual", "high", "warning", "dpo", {"beta": 10.0}, {}),
    ("beta-unusual", "penalty", "warning", "ppo", {"beta": 2.0}, {}),
    ("nothing-logged", "off", "warning", "sft", {"logging_strategy": "no"}, {}),
    ("nothing-logged", "beyond", "warning", "sft", {"logging_steps": 500, "max_steps": 100}, {}),
    ("nothing-logged", "beyond", "warning", "sft", {"logging_steps": 100, "num_train_epochs": 1}, {"rows": 400}),
    ("nothing-logged", "report", "info", "sft", {"report_to": "none"}, {}),
    ("checkpoints-never-saved", "never", "warning", "sft", {"save_strategy": "no"}, {}),
    ("checkpoints-never-saved", "best", "warning", "sft", {"save_strategy": "best"}, {}),
    ("checkpoints-never-saved", "last-only", "info", "sft", {"num_train_epochs": 1}, {"rows": 2400}),
    ("sampling-narrowed", "zero", "error", "grpo", {"temperature": 0}, {}),
    ("sampling-narrowed", "cold", "warning", "rloo", {"temperature": 0.3}, {}),
    ("sampling-narrowed", "top-p", "warning", "grpo", {"top_p": 0.9}, {}),
    ("no-evaluation", "planned", "info", "dpo", {}, {}),
    ("schedule-fault", "planned-zero", "error", "sft", {"learning_rate": 0}, {}),
    ("schedule-fault", "planned-warmup", "warning", "sft", {"warmup_steps": 500, "max_steps": 100}, {}),
    ("run-too-short", "planned", "info", "sft", {"max_steps": 5}, {}),
]  # fmt: skip
NEAR_MISSES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("argument-renamed", "sft", {"max_length": 512, "warmup_steps": 0.1, "column_mapping": {"text": "a"}}, {}),
    ("argument-renamed", "ppo", {"max_completion_length": 12, "reward_model_path": "r", "sample_prompts": "x"}, {}),
    ("precision-unsupported", "sft", {}, {"machine": CPU}),
    ("precision-unsupported", "sft", {"bf16": True, "use_cpu": True}, {"machine": CPU}),
    ("precision-unsupported", "sft", {"fp16": True}, {"machine": V100}),
    ("precision-unsupported", "sft", {"fp16": True, "dtype": "float16", "use_peft": True}, {"machine": V100}),
    ("batch-not-divisible", "grpo", {"per_device_train_batch_size": 4}, {"processes": 2}),
    ("batch-not-divisible", "grpo", {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}, {}),
    ("batch-not-divisible", "rloo", {"num_generations": 4, "steps_per_generation": 3}, {}),
    ("batch-not-divisible", "ppo", {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_mini_batches": 2}, {}),
    ("learning-rate-unusual", "sft", {"learning_rate": 2e-4, "use_peft": True}, {}),
    ("learning-rate-unusual", "dpo", {"learning_rate": 5e-6}, {}),
    ("warmup-missing", "sft", {"learning_rate": 1e-2, "warmup_steps": 0.1}, {}),
    ("warmup-missing", "sft", {"learning_rate": 5e-5}, {}),
    ("beta-unusual", "grpo", {"beta": 0.0}, {}),
    ("beta-unusual", "dpo", {"beta": 0.0, "loss_type": ["sft"]}, {}),
    ("beta-unusual", "dpo", {"beta": 2.0}, {}),
    ("nothing-logged", "sft", {"logging_steps": 100, "max_steps": 100}, {}),
    ("nothing-logged", "sft", {"logging_steps": 0.1, "max_steps": 5}, {}),
    ("checkpoints-never-saved", "sft", {"max_steps": 100}, {}),
    ("checkpoints-never-saved", "sft", {"save_strategy": "best", "eval_strategy": "steps"}, {}),
    ("sampling-narrowed", "ppo", {}, {}),
    ("sampling-narrowed", "grpo", {"temperature": 0.7}, {}),
    ("no-evaluation", "dpo", {"eval_strategy": "epoch"}, {}),
    ("schedule-fault", "sft", {"warmup_steps": 10, "max_steps": 100}, {}),
    ("run-too-short", "grpo", {"num_train_epochs": 1}, {"rows": 40}),
    ("run-too-short", "sft", {"max_steps": 20}, {}),
    ("options-contradict", "sft", {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 100}, {}),
    ("options-contradict", "sft", {"padding_free": True, "max_length": None}, {}),
    ("options-contradict", "grpo", {"use_vllm": True, "vllm_server_host": "a", "vllm_mode": "server"}, {}),
    ("options-contradict", "sft", {"assistant_only_loss": True}, {"form": "conversational"}),
    ("options-contradict", "kto", {"loss_type": "apo_zero_unpaired", "per_device_train_batch_size": 1}, {}),
    ("options-contradict", "dpo", {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1]}, {}),
    ("options-contradict", "grpo", {"reward_weights": [1, 2], "reward_funcs": ["a"], "reward_model_name_or_path": "r"}, {}),
    ("options-contradict", "sft", {"load_in_4bit": True, "use_peft": True, "lora_r": 8}, {}),
    ("options-contradict", "dpo", {"f_divergence_type": "js_divergence"}, {}),
]  # fmt: skip
# kind, method, config, what else is known: each of them TRL, transformers or this project's PPO refuses, but the last two.
CLASHES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("best-strategies", "sft", {"load_best_model_at_end": True}, {}),
    ("best-strategies", "sft", {"load_best_model_at_end": True, "eval_strategy": "epoch"}, {}),
    ("best-of-what", "sft", {"save_strategy": "best", "eval_strategy": "steps"}, {}),
    ("best-steps", "sft", {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 30, "save_steps": 100}, {}),
    ("scheduler-evaluation", "sft", {"lr_scheduler_type": "reduce_lr_on_plateau"}, {}),
    ("full-eval", "sft", {"fp16_full_eval": True, "bf16_full_eval": True}, {}),
    ("prefetch", "sft", {"dataloader_prefetch_factor": 2}, {}),
    ("negative-warmup", "sft", {"warmup_steps": -5}, {}),
    ("broken-steps", "sft", {"logging_steps": 2.5}, {}),
    ("broken-steps", "sft", {"logging_steps": 0}, {}),
    ("quantised-twice", "sft", {"load_in_4bit": True, "load_in_8bit": True, "use_peft": True}, {}),
    ("quantised-both-ways", "sft", {"load_in_4bit": True, "use_peft": True, "model_init_kwargs": {"quantization_config": {}}}, {}),
    ("quantised-without-adapter", "sft", {"load_in_8bit": True}, {}),
    ("selective-checkpointing", "sft", {"gradient_checkpointing_kwargs": {"selective": True, "use_reentrant": True}}, {}),
    ("padding-free", "sft", {"padding_free": True}, {}),
    ("assistant-only", "sft", {"assistant_only_loss": True}, {"form": "standard"}),
    ("unknown-loss", "sft", {"loss_type": "focal"}, {}),
    ("unknown-loss", "dpo", {"loss_type": "kto_pair"}, {}),
    ("loss-weights", "dpo", {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0]}, {}),
    ("exo-smoothing", "dpo", {"loss_type": "exo_pair"}, {}),
    ("weighted-aot", "dpo", {"loss_type": "aot", "use_weighting": True}, {}),
    ("divergence-loss", "dpo", {"loss_type": "apo_zero", "f_divergence_type": "js_divergence"}, {}),
    ("synced-and-precomputed", "dpo", {"sync_ref_model": True, "precompute_ref_log_probs": True}, {}),
    ("synced-adapter", "kto", {"sync_ref_model": True, "use_peft": True}, {}),
    ("single-row", "kto", {"per_device_train_batch_size": 1}, {}),
    ("shuffled-pairs", "kto", {"train_sampling_strategy": "random"}, {}),
    ("shrinking-batch", "grpo", {"auto_find_batch_size": True}, {}),
    ("generation-twice", "rloo", {"generation_batch_size": 16, "steps_per_generation": 2}, {}),
    ("single-answer", "grpo", {"num_generations": 1}, {}),
    ("synced-without-reference", "grpo", {"sync_ref_model": True}, {}),
    ("reward-weights", "grpo", {"reward_funcs": ["a", "b"], "reward_weights": [1.0]}, {}),
    ("unlogged-answers", "grpo", {"log_completions_hub_repo": "a/b"}, {}),
    ("sampling-bounds", "grpo", {"vllm_importance_sampling_clip_min": 4.0}, {}),
    ("two-ends", "ppo", {"total_episodes": 100, "max_steps": 10}, {}),
    ("two-stops", "ppo", {"stop_token": "eos", "stop_token_id": 3}, {}),
    ("value-head", "ppo", {"value_model": "head", "value_model_path": "v"}, {}),
    ("best-by-loss", "ppo", {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 100}, {}),
    ("out-of-range", "ppo", {"cliprange": 0.0}, {}),
    ("two-names", "ppo", {"beta": 0.1, "kl_coef": 0.2}, {}),
    ("sharding-twice", "sft", {"fsdp": "full_shard", "deepspeed": "ds.json"}, {}),
    ("best-sharded", "sft", {"fsdp": "full_shard", "save_only_model": True, "load_best_model_at_end": True, "eval_strategy": "steps"}, {}),
    ("adapter-unused", "sft", {"lora_r": 8}, {}),
    ("server-unused", "grpo", {"use_vllm": True, "vllm_server_host": "10.0.0.1"}, {}),
    ("steps-and-epochs", "sft", {"max_steps": 100, "num_train_epochs": 3}, {}),
]  # fmt: skip
FAULTS += [
    (
        "options-contradict",
        kind,
        {"adapter-unused": "warning", "server-unused": "warning", "steps-and-epochs": "info"}.get(kind, "error"),
        *rest,
    )
    for kind, *rest in CLASHES
]


@pytest.mark.parametrize(("rule", "kind", "severity", "method", "config", "known"), FAULTS)
def test_planted_fault_is_found_and_its_fix_silences_it(
    rule: str, kind: str | None, severity: str, method: str, config: dict[str, Any], known: dict[str, Any]
) -> None:
    finding = found(rule, material(method, config, **known))
    assert finding is not None
    assert (finding.facts.get("kind"), finding.severity) == (kind, severity)
    edits = [edit for fix in finding.fixes for edit in fix.edits]
    if kind == "sharding-twice":  # a person chooses
        assert not edits
        return
    assert all(edit.removed or edit.new is not None or edit.old is not None for edit in edits)
    config_after = applied({**BASIS, **config}, edits)
    assert found(rule, material(method, {"dataset_name": "d", **config_after}, **known)) is None


@pytest.mark.parametrize(("rule", "kind", "severity", "method", "config", "known"), FAULTS)
@pytest.mark.parametrize("lang", LANGS)
def test_finding_on_a_config_reads_as_whole_sentences(
    rule: str, kind: str | None, severity: str, method: str, config: dict[str, Any], known: dict[str, Any], lang: Any
) -> None:
    finding = found(rule, material(method, config, **known))
    assert finding is not None
    words = in_words(finding, lang)
    sentences = (
        words.title,
        words.summary,
        words.why,
        words.wrong_if,
        *words.causes,
        *(fix.title for fix in words.fixes),
    )
    assert all(sentence and "None" not in sentence for sentence in sentences)
    assert words.fixes
    assert words.evidence


@pytest.mark.parametrize(("rule", "method", "config", "known"), NEAR_MISSES)
def test_near_miss_is_not_found(rule: str, method: str, config: dict[str, Any], known: dict[str, Any]) -> None:
    assert found(rule, material(method, config, **known)) is None


def test_name_that_nobody_knows_is_shown_with_the_nearest() -> None:
    finding = found("argument-renamed", material("sft", {"learing_rate": 1e-4}))
    assert finding is not None
    assert finding.facts["kind"] == "config-near"
    assert "learning_rate" in str(finding.evidence[0])


def test_several_contradictions_are_one_finding_whose_fix_ends_all() -> None:
    config = {"padding_free": True, "load_best_model_at_end": True, "lora_r": 4}
    finding = found("options-contradict", material("sft", config))
    assert finding is not None
    assert (finding.severity, finding.facts["count"], len(finding.evidence)) == ("error", 3, 3)
    assert found("options-contradict", material("sft", applied(config, finding.fixes[0].edits))) is None


@pytest.mark.parametrize("machine", [CPU, H100], ids=["cpu", "h100"])
@pytest.mark.parametrize("method", METHODS)
def test_defaults_accuse_nobody(method: str, machine: Machine) -> None:
    diagnosis = judge(material(method, {}, machine=machine, rows=2000), CONFIG_RULES)
    assert [one.rule for one in diagnosis.findings if one.severity != "info"] == []
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]


@pytest.mark.parametrize("stage", stages(Path("work")), ids=lambda stage: stage.name)
def test_recipes_of_the_demo_accuse_nobody_but_the_one_that_is_meant_to_fail(
    stage: Stage, base_checkpoint: Path
) -> None:
    config = {**stage.config, "model_name_or_path": str(base_checkpoint)}
    diagnosis = judge(material(stage.method, config, machine=CPU, rows=500), CONFIG_RULES)
    meant = {"learning-rate-unusual", "warmup-missing"} if stage.name == "sft-too-hot" else set()
    assert {one.rule for one in diagnosis.findings if one.severity != "info"} == meant
    assert not [one for one in diagnosis.not_checked if one.reason == "rule-broke"]


def test_script_alone_leaves_the_config_unjudged() -> None:
    diagnosis = judge(Material(Asked(None, {}, Path("train.py"))), CONFIG_RULES)
    assert diagnosis.findings == ()
    assert "no-config" in {one.reason for one in diagnosis.not_checked if one.rule == "options-contradict"}


def test_own_arguments_are_those_of_the_workers() -> None:
    from dataclasses import MISSING, fields

    from training.ppo_config import PPOConfig
    from training.request import ClinicArguments

    def defaults(one: Any) -> dict[str, Any]:
        return {
            field.name: field.default if field.default is not MISSING else field.default_factory()  # type: ignore[misc]
            for field in fields(one)
        }

    assert defaults(ClinicArguments) == OWN_DEFAULTS
    own = {name for one in PPOConfig.__mro__[:1] for name in one.__annotations__} - {"OTHER_NAMES"}
    assert {name: value for name, value in defaults(PPOConfig).items() if name in own} == PPO_DEFAULTS
    assert PPOConfig.OTHER_NAMES == PPO_OTHER_NAMES


@pytest.mark.parametrize("method", METHODS)
def test_usable_names_are_those_that_the_worker_takes(method: str) -> None:
    """A name that the worker takes and the probe does not know would keep a run from its start."""
    import ast
    from dataclasses import fields

    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    from training.ppo_config import PPOConfig
    from training.request import ClinicArguments

    tree = ast.parse((Path(__file__).parents[3] / "training" / f"{method}.py").read_text(encoding="utf-8"))
    parsing = next(
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "parse"
    )
    named = [ast.unparse(one).rpartition(".")[2] for one in parsing.args[1:]]
    own = {"PPOConfig": PPOConfig, "GRPOScriptArguments": GRPOScriptArguments}
    classes = [own.get(name) or getattr(trl, name) for name in named]
    classes += [trl.ModelConfig, trl.ScriptArguments, ClinicArguments, trl.DatasetMixtureConfig]
    taken = {field.name for one in classes for field in fields(one) if field.init}
    taken |= set(getattr(classes[0], "OTHER_NAMES", {}))
    assert config_of(method)[1] == taken


@pytest.mark.parametrize(("names", "safety", "edits"), [(("train",), "show", 0), (("train", "test"), "safe", 2)])
def test_evaluation_is_planned_only_where_rows_are_held_out(
    tmp_path: Path, names: tuple[str, ...], safety: str, edits: int
) -> None:
    """eval_strategy on data without a test split ends the run before its first step."""
    for name in names:
        (tmp_path / f"{name}.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    measured = with_data(material("sft", {"dataset_name": str(tmp_path)}), 10, lambda *_: None)
    finding = found("no-evaluation", measured)
    assert finding is not None
    [fix] = finding.fixes
    assert (fix.safety, len(fix.edits)) == (safety, edits)
    assert in_words(finding).causes
