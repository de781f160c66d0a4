"""What a command line asks of the memory predictor: a config file, a run folder, or a method, a model and a few arguments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.memory.after_crash import Told
from diagnostics.memory.arguments import check_names
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.defaults import own_name
from diagnostics.memory.devices import GIB, NoDevice, device_bytes
from diagnostics.memory.models import Lookup
from diagnostics.memory.records import METHODS
from diagnostics.memory.resolve import ONLINE, Question, resolve
from diagnostics.memory.sizes import NF4
from diagnostics.preflight import asking
from diagnostics.run import Run, RunUnreadable, open_run
from diagnostics.run.files import read_json
from diagnostics.run.folder import CONSOLE_ENDINGS, RUN_FILE

ADAPTER = ("lora_r", "load_in_4bit", "load_in_8bit")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what is asked."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML or JSON, ours or TRL's; a run.json; a run folder, crashed or not; a console log",
    )
    parser.add_argument("--method", choices=METHODS, help="may stand in the config as `method` instead")
    parser.add_argument(
        "--model", metavar="MODEL", help="a folder, a run, a Hub name, or a known name such as llama-3-8b"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="per_device_train_batch_size")
    parser.add_argument("--accumulation", type=int, metavar="N", help="gradient_accumulation_steps")
    parser.add_argument(
        "--length",
        type=int,
        metavar="N",
        help="max_length; of GRPO, RLOO and PPO the tokens of prompt and answer together",
    )
    parser.add_argument(
        "--longest", type=int, metavar="N", help="tokens of the data's longest row, if shorter than max_length"
    )
    parser.add_argument("--prompt", type=int, metavar="N", help="tokens of the longest prompt (GRPO, RLOO, PPO)")
    parser.add_argument("--completion", type=int, metavar="N", help="max_completion_length, PPO's response_length")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16", "float16", "auto"), help="of the weights (TRL: float32)"
    )
    parser.add_argument("--optim", metavar="NAME", help="the optimizer, such as adamw_bnb_8bit")
    parser.add_argument("--lora-r", type=int, metavar="N", help="train a LoRA adapter of this rank")
    parser.add_argument("--load-in-4bit", action="store_true", help="weights of 4 bits under the adapter (QLoRA)")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings",
        help="TRL's arguments, over those of the config",
    )  # fmt: skip
    parser.add_argument("--processes", type=int, metavar="N", help="devices that train together (default: 1)")
    parser.add_argument(
        "--device", metavar="NAME", help="such as A100-80, 4090, T4, mps-32: does it fit, and if not, what would"
    )
    parser.add_argument("--device-gib", type=float, metavar="N", help="the same by GiB")


def run_of(path: Path | None) -> Run | None:
    """The run that is asked about: a folder of one, or a console log; None for a config.

    Raises:
        AskedWrong: the folder is none.
    """
    if path is None or not (path.is_dir() or (path.is_file() and path.suffix in CONSOLE_ENDINGS)):
        return None
    try:
        return open_run(path)
    except RunUnreadable as error:
        raise AskedWrong.of(error) from error


def question_of(
    arguments: argparse.Namespace, lookup: Lookup | None = None, *, run: Run | None = None, told: Told | None = None
) -> Question:
    """The question that the options put. `run`: that `--config` names; `told`: how it ended, where that was in memory.

    A run that ran out of memory is asked about on the device that it had, unless another is named.

    Raises:
        AskedWrong: it cannot be answered; the message is one sentence.
    """
    run = run or run_of(arguments.config)
    if run is not None:
        method, config = run.method, dict(run.asked or run.config)
        if not config and not arguments.model:
            raise AskedWrong(
                f"{arguments.config}: this run kept no config; expected one with a run.json, or --model.",
                f"{arguments.config}：这次运行没有留下配置；应为带有 run.json 的运行，或给出 --model。",
            )
    else:
        method, config = config_of(arguments.config) if arguments.config else (None, {})
    try:
        config.update(asking.parse_settings(arguments.settings))
    except asking.AskedWrong as error:
        raise AskedWrong.of(error) from error
    method = arguments.method or config.get("method") or method
    if method is None:
        raise AskedWrong(
            f"no method; name one with --method or in the config: {', '.join(METHODS)}.",
            f"没有训练方法；请用 --method 或在配置中指定：{'、'.join(METHODS)}。",
        )
    if not config and not arguments.model:
        raise AskedWrong(
            "nothing to look at; expected --config, or --method with --model.",
            "没有可看的内容；应给出 --config，或 --method 与 --model。",
        )
    if method in METHODS and run is None:  # a run of others has other names
        check_names(method, config)
    for name, given in shorthands(arguments, method).items():
        for old in [one for one in config if own_name(method, one) == name]:
            del config[old]
        config[name] = given
    for option in ("longest", "prompt"):
        number = getattr(arguments, option)
        if number is not None and number < 1:
            raise AskedWrong(f"--{option} {number}: at least 1 was expected.", f"--{option} {number}：至少应为 1。")
    longest = arguments.longest
    if method in ONLINE and arguments.length is not None:
        longest = arguments.length
    named = device_of(arguments)
    question = resolve(
        method,
        config,
        processes=told.processes if told and arguments.processes is None else arguments.processes,
        device=told.device_bytes if told and named is None else named,
        longest=longest,
        prompt=arguments.prompt,
        lookup=lookup,
        accelerator=not (told and told.on_host and named is None),
    )
    if named is not None:
        large_enough(question, named)
    return question


def shorthands(arguments: argparse.Namespace, method: str) -> dict[str, Any]:
    """The options that stand for arguments of the config.

    Raises:
        AskedWrong: one does not belong to the method.
    """
    if method not in ONLINE and arguments.completion is not None:
        raise AskedWrong(
            f"--completion: {method} generates nothing; --length is what limits its rows.",
            f"--completion：{method} 不生成回答；限制其行长的是 --length。",
        )
    given = {
        "model_name_or_path": arguments.model,
        "per_device_train_batch_size": arguments.batch,
        "gradient_accumulation_steps": arguments.accumulation,
        "max_length": None if method in ONLINE else arguments.length,
        own_name(method, "max_completion_length"): arguments.completion,
        "dtype": arguments.dtype,
        "optim": arguments.optim,
        "lora_r": arguments.lora_r,
        "load_in_4bit": arguments.load_in_4bit or None,
    }
    found = {name: value for name, value in given.items() if value is not None}
    if any(name in found for name in ADAPTER):
        found["use_peft"] = True
    return found


def config_of(path: Path) -> tuple[str | None, dict[str, Any]]:
    """The method and the config of a file.

    Raises:
        AskedWrong: it is none, or cannot be read.
    """
    try:
        if path.name == RUN_FILE and path.is_file():
            content = read_json(path)
            if isinstance(content, Mapping) and isinstance(content.get("config"), Mapping):
                return content.get("method"), dict(content["config"])
        return None, asking.read_config(path)
    except asking.AskedWrong as error:
        raise AskedWrong.of(error) from error
    except (OSError, ValueError) as error:
        raise AskedWrong(
            f"{path}: cannot be read as a config ({' '.join(str(error).split())}).",
            f"{path}：无法作为配置读取（{' '.join(str(error).split())}）。",
        ) from error


def device_of(arguments: argparse.Namespace) -> int | None:
    """The device's memory in bytes; None where none was named.

    Raises:
        AskedWrong: it is not known, is no size, or two were named.
    """
    name, gib = arguments.device, arguments.device_gib
    if name is not None and gib is not None:
        raise AskedWrong(
            "--device and --device-gib: only one of them can name the device.",
            "--device 与 --device-gib：只能用其中一个指定设备。",
        )
    if gib is not None:
        if not 0 < gib < 1e6:
            raise AskedWrong(
                f"--device-gib {gib:g}: a size above 0 was expected.", f"--device-gib {gib:g}：大小应大于 0。"
            )
        return int(gib * GIB)
    try:
        return None if name is None else device_bytes(name)
    except NoDevice as error:
        raise AskedWrong.of(error) from error


def large_enough(question: Question, device: int) -> None:
    """Refuse a device on which the weights could not lie in any form.

    Raises:
        AskedWrong: even of 4 bits, and spread over all devices, they are larger.
    """
    model, processes = question.architecture, question.asked.processes
    least = (model.linear * float(NF4) + (model.parameters - model.linear) * 2) / processes
    if least > device:
        raise AskedWrong(
            f"{question.model.name}: {device / GIB:.3g} GiB are less than its weights, which take {least / GIB:.3g} GiB on each of "
            f"{processes} devices even in 4 bits; expected a larger device or a smaller model.",
            f"{question.model.name}：{device / GIB:.3g} GiB 小于它的权重，即使用 4 位，{processes} 个设备各自也需要 {least / GIB:.3g} GiB；应换更大的设备或更小的模型。",
        )
