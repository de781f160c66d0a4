"""The arguments that a method takes, read from the installed sources without importing them: a misspelt one is told, not ignored."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.defaults import FORMER, PPO_NAMES, defaults_of

FIELD = re.compile(r"^    (\w+): [^\n]*", re.MULTILINE)
# Where the fields of the argument classes stand: package, files.
SOURCES = {
    "transformers": ("training_args.py",),
    "trl": ("trainer/base_config.py", "trainer/model_config.py", "scripts/utils.py", "scripts/grpo.py"),
}
# Ours: training/request.py (ClinicArguments) and training/ppo_config.py (PPOConfig), held against them by a test.
OURS = frozenset({
    "sample_prompts", "sample_rewards", "sample_max_new_tokens", "column_mapping", "curriculum", "curriculum_stages",
    "ref_model_name_or_path",
})  # fmt: skip
PPO = frozenset({
    "learning_rate", "dataset_num_proc", "model_init_kwargs", "trust_remote_code", "total_episodes", "response_length",
    "temperature", "stop_token", "stop_token_id", "local_rollout_forward_batch_size", "reward_weights",
    "missing_eos_penalty", "kl_coef", "kl_estimator", "whiten_rewards", "gamma", "lam", "whiten_advantages",
    "num_ppo_epochs", "num_mini_batches", "cliprange", "cliprange_value", "vf_coef", "target_kl", "value_model",
    "value_model_path", "max_completion_length", "beta", "num_iterations", "epsilon", "reward_model_path",
    "sft_model_path",
})  # fmt: skip
# What TRL's command line takes beside them.
LAUNCH = frozenset({"accelerate_config", "num_processes", "env", "config"})


@lru_cache(maxsize=8)
def known(method: str) -> frozenset[str] | None:
    """The arguments of a method; None where TRL or transformers is not installed, so that nobody can say."""
    own = () if method == "ppo" else (f"trainer/{method}_config.py",)
    found: set[str] = set()
    for package, files in SOURCES.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return None
        for file in (*files, *(own if package == "trl" else ())):
            try:
                found.update(FIELD.findall((Path(spec.origin).parent / file).read_text(encoding="utf-8")))
            except OSError:
                return None
    return frozenset(found | OURS | LAUNCH | (PPO if method == "ppo" else frozenset()) | set(defaults_of(method)))


def check_names(method: str, config: Mapping[str, Any]) -> None:
    """Refuse an argument that the method does not have, as `training start` does.

    Raises:
        AskedWrong: there is no such argument; near names are offered.
    """
    names = known(method)
    if names is None:
        return
    for name in config:
        if name not in names and name not in former(method) and name not in ("method", "parent", "fixes"):
            close = difflib.get_close_matches(name, names, n=2)
            near, near_zh = " or ".join(close), " 或 ".join(close)
            raise AskedWrong(
                f"{name}: {method} has no such argument{f'; did you mean {near}?' if near else '.'}",
                f"{name}：{method} 没有这个参数{f'；是否想写 {near_zh}？' if near else '。'}",
            )


def former(method: str) -> Iterable[str]:
    """Names of earlier versions that are read too."""
    return {*FORMER, *(PPO_NAMES if method == "ppo" else ())}
