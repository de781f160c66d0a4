"""From a config of plain values to TRL's own argument classes, with errors a person can act on."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from training.request import BadRequest, ClinicArguments, Request
from training.worker.checkpoints import weights_of
from training.worker.kinds import with_kinds

if TYPE_CHECKING:
    from trl import ModelConfig


def parse(
    request: Request, config_class: type, script_class: type | None = None
) -> tuple[Any, Any, ModelConfig, ClinicArguments]:
    """The config as TRL's script arguments, the method's config class, TRL's ModelConfig and our own arguments.

    `script_class` is `trl.ScriptArguments` unless the method has more of them (reward functions).

    `script.mixture` is TRL's DatasetMixtureConfig if `datasets` is given, else None; `script.text_field` and `script.seed`
    are the trainer's. What the run folder needs (its path, TensorBoard logging) is set here. On a machine without an
    accelerator TRL's default of bf16 with gradient checkpointing is turned off unless asked for: it costs more than four
    times the time there and saves nothing.

    Raises:
        BadRequest: an argument does not exist or its value is refused.
    """
    import torch
    from transformers import HfArgumentParser
    from trl import DatasetMixtureConfig, ModelConfig, ScriptArguments

    from training.worker.board import install

    install()
    classes = (script_class or ScriptArguments, config_class, ModelConfig, ClinicArguments, DatasetMixtureConfig)
    known = {field.name for one in classes for field in dataclasses.fields(one) if field.init}
    asked = with_own_names(request.config, getattr(config_class, "OTHER_NAMES", {}))
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else "."
            hint_zh = f"；是否想写 {' 或 '.join(near)}？" if near else "。"
            raise BadRequest(
                f"{name}: {request.method} has no such argument{hint}",
                f"{name}：{request.method} 没有这个参数{hint_zh}",
            )
    config = {
        "output_dir": str(request.folder),
        "report_to": "tensorboard",
        "disable_tqdm": not sys.stdout.isatty(),
        **asked,
    }
    config["output_dir"] = str(request.folder)
    for name in lists_of(classes) & config.keys():
        if isinstance(config[name], str | int | float):
            config[name] = [config[name]]  # `--reward_funcs one`
    config = with_kinds(config, classes)
    if not torch.accelerator.is_available():
        config.setdefault("bf16", False)
        if "gradient_checkpointing" not in config:  # the older name of the same, still TRL's own
            config.setdefault("activation_checkpointing", False)
    try:
        script, training, model, clinic, mixture = HfArgumentParser(classes).parse_dict(config)
    except (ValueError, TypeError, ImportError) as error:
        raise BadRequest(
            f"{request.method}: an argument was refused: {' '.join(str(error).split())}",
            f"{request.method}：有参数被拒绝：{' '.join(str(error).split())}",
        ) from error
    if not script.dataset_name and not mixture.datasets:
        raise BadRequest(
            f"{request.method}: dataset_name is missing; expected a file, a folder or a Hub name.",
            f"{request.method}：缺少 dataset_name；应为文件、文件夹或 Hub 上的名称。",
        )
    if script.dataset_name and mixture.datasets:  # as TRL's scripts decide it
        print("Both datasets and dataset_name are given: datasets is taken, dataset_name is not read.", flush=True)
    # What `load_splits` needs beside TRL's script arguments.
    script.mixture = mixture if mixture.datasets else None
    script.text_field = getattr(training, "dataset_text_field", "text")
    script.seed = training.seed
    if not model.model_name_or_path:
        raise BadRequest(
            f"{request.method}: model_name_or_path is missing; expected a folder or a Hub name.",
            f"{request.method}：缺少 model_name_or_path；应为文件夹或 Hub 上的名称。",
        )
    place = weights_of("model_name_or_path", model.model_name_or_path)
    if place != model.model_name_or_path:
        raise BadRequest(
            f"model_name_or_path: {model.model_name_or_path}: is a run, not a model; expected {place}.",
            f"model_name_or_path：{model.model_name_or_path}：是训练而不是模型；应为 {place}。",
        )
    for name in ("load_in_4bit", "load_in_8bit"):
        if getattr(model, name) and importlib.util.find_spec("bitsandbytes") is None:
            bits = name.removeprefix("load_in_").replace("bit", "-bit")
            raise BadRequest(
                f"{name}: {bits} weights need bitsandbytes, which is not installed; pip install bitsandbytes.",
                f"{name}：{bits} 权重需要 bitsandbytes，但没有安装；请运行 pip install bitsandbytes。",
            )
    return script, training, model, clinic


def with_own_names(config: Mapping[str, Any], other_names: Mapping[str, str]) -> dict[str, Any]:
    """The config with each argument under its own name.

    Raises:
        BadRequest: one is given twice, by two names.
    """
    for other, own in other_names.items():
        if other in config and own in config:
            raise BadRequest(
                f"{other}: is another name of {own}, which is given too; leave one of them out.",
                f"{other}：是 {own} 的另一个名称，而后者也给出了；请去掉其中一个。",
            )
    return {other_names.get(name, name): value for name, value in config.items()}


def lists_of(classes: Iterable[type]) -> set[str]:
    """The arguments whose value can only be a list (or be missing); a text where text is allowed too stays one."""
    found = set()
    for one in classes:
        hints = get_type_hints(one)
        for field in dataclasses.fields(one):
            hint = hints[field.name]
            options = [hint] if get_origin(hint) is list else get_args(hint)
            kinds = {get_origin(option) or option for option in options}
            if list in kinds and not kinds & {str, dict, int, float}:
                found.add(field.name)
    return found


def model_init_kwargs(training: Any, model: ModelConfig) -> dict[str, Any]:
    """How the model is loaded, as TRL's own scripts do it, but safetensors only: pickled weights can run code."""
    return {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        "use_safetensors": True,
        **(training.model_init_kwargs or {}),
    }


def sharded(training: Any) -> bool:
    """Whether the weights are spread over processes: FSDP, or DeepSpeed's ZeRO stage 3."""
    zero = getattr(training, "hf_deepspeed_config", None)
    return bool(training.fsdp) or (zero is not None and zero.is_zero3())
