"""The config.json of a model as people name it: a folder, one of our runs, the Hub's cache, the table, the Hub itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from diagnostics.memory import families
from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.files import read_json
from diagnostics.run.folder import ADAPTER_FILE
from diagnostics.run.refusal import Refusal

CONFIG_FILE = "config.json"
HUB_SECONDS = 5.0  # a memory estimate is not worth more of a wait for a network that may not be there
LARGEST_CONFIG = 4 << 20  # bytes; a config.json has some kilobytes
Where = Literal["folder", "run", "cache", "table", "hub"]


class NoModel(Refusal):
    """A model's config.json is nowhere to be had; the message is one sentence."""


@dataclass(frozen=True)
class Model:
    """A model: the name asked for, the content of its config.json, where that was found, its name in the table if there."""

    name: str
    config: Mapping[str, Any]
    where: Where
    known: str | None = None


def find_model(name: str, argument: str = "model_name_or_path", *, network: bool = True) -> Model:
    """The config.json of a model by its name, from the nearest place that has it.

    Raises:
        NoModel: none has it; near names of the table are offered.
    """
    known = families.find(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        config, where, base = of_folder(folder, argument)
        return find_model(base, argument, network=network) if base else Model(name, config, where, known)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise NoModel(
            f"{argument}: {name}: there is no such folder of a model.", f"{argument}：{name}：没有这个模型文件夹。"
        )
    if (content := of_cache(name)) is not None:
        return Model(name, content, "cache", known)
    if known is not None:
        return Model(name, families.MODELS[known], "table", known)
    if network and "/" in name and (content := of_hub(name)) is not None:
        return Model(name, content, "hub")
    near = families.near(name)
    offered = f"; near names are {', '.join(near)}" if near else ""
    offered_zh = f"；相近的名称有 {'、'.join(near)}" if near else ""
    raise NoModel(
        f"{argument}: {name}: is no folder, none of the Hub's cache or of the known families, and the Hub did not give "
        f"its config.json{offered}.",
        f"{argument}：{name}：不是文件夹，也不在 Hub 缓存或已知的模型系列中，Hub 也没有给出它的 config.json{offered_zh}。",
    )


def of_folder(folder: Path, argument: str) -> tuple[dict[str, Any], Where, str | None]:
    """The config of a folder of weights, or of a run's last checkpoint; of an adapter the name of its base model.

    Raises:
        NoModel: the folder holds none.
    """
    where: Where = "folder"
    if not (folder / CONFIG_FILE).is_file() and not (folder / ADAPTER_FILE).is_file():
        where = "run"
        try:
            run = open_run(folder)
        except RunUnreadable as error:
            raise NoModel(
                f"{argument}: {folder}: holds neither a model (config.json) nor a checkpoint of a run.",
                f"{argument}：{folder}：里面既没有模型（config.json），也没有运行的检查点。",
            ) from error
        if run.checkpoints:
            folder = run.checkpoints[max(run.checkpoints)]
        elif isinstance(trained := run.config.get("model_name_or_path"), str) and Path(trained) != folder:
            return {}, where, trained
        else:
            raise NoModel(
                f"{argument}: {folder}: is a run without a checkpoint; expected a model.",
                f"{argument}：{folder}：是没有检查点的运行；应为模型。",
            )
    try:
        if (folder / CONFIG_FILE).is_file():
            return mapping(folder / CONFIG_FILE), where, None
        base = mapping(folder / ADAPTER_FILE).get("base_model_name_or_path")
    except (OSError, ValueError) as error:
        raise NoModel(
            f"{argument}: {folder}: its config cannot be read ({error}).",
            f"{argument}：{folder}：无法读取其中的配置（{error}）。",
        ) from error
    if not isinstance(base, str) or not base or Path(base) == folder:
        raise NoModel(
            f"{argument}: {folder}: holds an adapter that does not name its base model.",
            f"{argument}：{folder}：里面的适配器没有写明基础模型。",
        )
    return {}, where, base


def mapping(path: Path) -> dict[str, Any]:
    """A JSON file's content, which is to be an object.

    Raises:
        ValueError: it is none, or far too large to be a config.
        OSError: it cannot be read.
    """
    if path.stat().st_size > LARGEST_CONFIG:
        raise ValueError("it is far larger than a config")
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    return content


def hub_cache() -> Path:
    """The folder in which huggingface_hub keeps models: its own order of environment variables."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def of_cache(name: str) -> dict[str, Any] | None:
    """A model's config.json in the Hub's cache of this machine; of several commits that of `main`, else the newest."""
    folder = hub_cache() / f"models--{name.replace('/', '--')}"
    try:
        main = (folder / "refs/main").read_text(encoding="utf-8").strip()
    except OSError:
        main = ""
    places = [folder / "snapshots" / main / CONFIG_FILE] if main else []
    try:
        found = sorted((folder / "snapshots").glob(f"*/{CONFIG_FILE}"), key=lambda one: one.stat().st_mtime)
        return next((mapping(one) for one in (*places, *reversed(found)) if one.is_file()), None)
    except (OSError, ValueError):
        return None


def of_hub(name: str) -> dict[str, Any] | None:
    """A model's config.json from the Hub, where there is a network and nobody has said not to use it; else None."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return None
    try:
        from huggingface_hub import get_session, hf_hub_url

        answer = get_session().get(hf_hub_url(name, CONFIG_FILE), timeout=HUB_SECONDS, follow_redirects=True)
        content = answer.json() if answer.status_code == 200 and len(answer.content) <= LARGEST_CONFIG else None
    except Exception:  # no network, no such name, a library of another version: each means that the Hub does not tell
        return None
    return content if isinstance(content, dict) else None


Lookup = Callable[[str, str], Model]
