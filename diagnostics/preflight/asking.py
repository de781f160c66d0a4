"""What a pre-flight is asked about: a config file, or a few words of a command line, as one request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diagnostics.preflight.material import Asked
from diagnostics.run.files import read_json
from diagnostics.run.refusal import Refusal

METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
ONLINE = ("grpo", "rloo", "ppo")
# YAML 1.1 reads 1e-4 as text, because it wants a dot; everybody who writes it means the number.
SCIENTIFIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
# A config has some hundred values. YAML's aliases make of some lines more values than there is memory for.
MOST_VALUES = 10_000
# What `python -m diagnostics fix` writes beside the arguments.
MARKS = ("method", "parent", "fixes")
# Python's words for values that JSON writes otherwise.
PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}


class AskedWrong(Refusal):
    """A pre-flight cannot be done as asked. The message is one sentence: what, where, what was expected."""


def read_config(path: Path) -> dict[str, Any]:
    """The config of a YAML or JSON file, as it stands there.

    Raises:
        AskedWrong: the file is not there, cannot be parsed, or holds no mapping of argument names.
    """
    import yaml

    if path.exists() and not path.is_file():
        raise AskedWrong(
            f"{path}: is no file; expected a config in YAML or JSON.", f"{path}：不是文件；应为 YAML 或 JSON 的配置。"
        )
    try:
        config = read_json(path) if path.suffix == ".json" else yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AskedWrong(f"{path}: there is no such config file.", f"{path}：没有这个配置文件。") from error
    except RecursionError as error:
        raise AskedWrong(
            f"{path}: cannot be read as a config (it is nested too deeply).", f"{path}：无法作为配置读取（嵌套过深）。"
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise AskedWrong(
            f"{path}: cannot be read as a config ({' '.join(str(error).split())}).",
            f"{path}：无法作为配置读取（{' '.join(str(error).split())}）。",
        ) from error
    if not isinstance(config, dict):
        raise AskedWrong(
            f"{path}: holds no config; expected argument names with their values.",
            f"{path}：里面没有配置；应为参数名及其值。",
        )
    if too_large(config):
        raise AskedWrong(
            f"{path}: holds more than {MOST_VALUES} values; expected a config.",
            f"{path}：里面的值超过 {MOST_VALUES} 个；应为一份配置。",
        )
    return {str(key): number_of(value) for key, value in config.items()}


def too_large(value: Any) -> bool:
    """Whether there are more values in it than in any config, each alias counted as what it stands for."""
    left, count = [value], 0
    while left:
        one = left.pop()
        count += 1
        if count > MOST_VALUES:
            return True
        if isinstance(one, dict):
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
    return False


def number_of(value: Any) -> Any:
    """A value of YAML, with numbers such as 1e-4 read as numbers."""
    return float(value) if isinstance(value, str) and SCIENTIFIC.fullmatch(value) else value


def value_of(text: str) -> Any:
    """A value written on a command line: JSON if it is some, Python's words for true, false and none, else the text."""
    try:
        return json.loads(PYTHON_WORDS.get(text, text))
    except ValueError:
        return text


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs as a config. A value is read as JSON if it is some, else it is taken as text.

    Raises:
        AskedWrong: a pair has no `=`, or no name before it.
    """
    config: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise AskedWrong(
                f"--set {setting}: expected key=value, for example learning_rate=2e-5.",
                f"--set {setting}：应为 key=value，例如 learning_rate=2e-5。",
            )
        config[key] = value_of(value)
    return config


def asked(method: str | None, config: Mapping[str, Any], script: Path | None = None) -> Asked:
    """The request: `method` decides over the one that the config names.

    Raises:
        AskedWrong: there is nothing to look at, or no method to look at data for.
    """
    given = {name: value for name, value in config.items() if name not in MARKS}
    chosen = method or config.get("method")
    if chosen is not None and chosen not in METHODS:
        raise AskedWrong(
            f"method: {chosen!r} is none of ours; expected one of {', '.join(METHODS)}.",
            f"method：{chosen!r} 不是这里的方法；应为 {'、'.join(METHODS)} 之一。",
        )
    if script is None and not given:
        raise AskedWrong(
            "nothing to look at; expected --config, or --method with --data and --model, or --script.",
            "没有可看的内容；应给出 --config，或 --method 与 --data、--model，或 --script。",
        )
    if chosen is None and given:
        raise AskedWrong(
            f"no method; name one with --method or in the config: {', '.join(METHODS)}.",
            f"没有训练方法；请用 --method 或在配置中指定：{'、'.join(METHODS)}。",
        )
    return Asked(chosen, given, script)
